"""Warn once, at an optimizer's step, that its rates are not those of the schedule.

A forgotten `schedule.step()` leaves the rate at the first step of the warm-up, a hundredth of the
peak; a scheduler of absolute rates (OneCycleLR, `eta_min`) gives every tensor the same; a model
that was sharded or replaced after its optimizer was built has its gradients on other parameters.
Training goes on in all three, and the loss even falls.
"""

import math
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

_TOLERANCE = 1e-6
"""Relative difference between ratios of rates: rounding of a scheduler's products is far below."""


def watch(schedule: LambdaLR, factor: Callable[[int], float], model: nn.Module | None) -> None:
    """Warn at `optimizer.step()` if the rates or the parameters are not those of the schedule.

    Args:
        schedule: a new one, of the optimizer to watch.
        factor: on the peak rates, by step.
        model: the model whose parameters the optimizer trains; None to leave out that check.

    """
    schedule.optimizer.register_step_pre_hook(_Watch(schedule, factor, model))


class _Watch:
    """Hook before an optimizer's step; keeps the last step's rates and the warnings given."""

    def __init__(
        self, schedule: LambdaLR, factor: Callable[[int], float], model: nn.Module | None
    ) -> None:
        self._schedule, self._factor, self._model = schedule, factor, model
        self._peaks = [float(rate) for rate in schedule.base_lrs]
        self._last: tuple[int, list[float]] | None = None
        self._repeats = 0
        self._said: set[str] = set()

    def __call__(
        self, optimizer: torch.optim.Optimizer, _arguments: object, _options: object
    ) -> None:
        groups = optimizer.param_groups
        if len(groups) != len(self._peaks) or any(isinstance(g["lr"], Tensor) for g in groups):
            return  # groups of the reader's own, or rates that only the device knows
        rates = [float(group["lr"]) for group in groups]
        if not any(rates):
            return  # nothing moves: torch's checkpoints do that to fill the state
        self._check_gradients(groups)
        self._check_ratios(rates)
        self._check_progress(rates)

    def _check_gradients(self, groups: list[dict[str, Any]]) -> None:
        if self._model is None or any(
            parameter.grad is not None for group in groups for parameter in group["params"]
        ):
            return
        if any(parameter.grad is not None for parameter in self._model.parameters()):
            self._say(
                "the gradients are on other parameters than the optimizer's, so nothing trains: the"
                " model's were replaced after `apply` (by sharding it, or by loading with"
                " assign=True); do that first, then call `apply`"
            )

    def _check_ratios(self, rates: list[float]) -> None:
        factors = [rate / peak for rate, peak in zip(rates, self._peaks, strict=True) if peak]
        low, high = min(factors, default=1.0), max(factors, default=1.0)
        if not math.isclose(low, high, rel_tol=_TOLERANCE):
            self._say(
                "the learning rates of the parameter groups have left their ratios, by which"
                f" hyperparameters transfer: they are {low:.3g} to {high:.3g} times their peaks."
                " OneCycleLR, CosineAnnealingLR(eta_min=...) and ReduceLROnPlateau(min_lr=...) set"
                " absolute rates: use the schedule that `apply` returned, or another LambdaLR"
            )

    def _check_progress(self, rates: list[float]) -> None:
        step = self._schedule.last_epoch
        seen, self._last = self._last, (step, rates)
        self._repeats = self._repeats + 1 if seen == (step, rates) else 0
        if self._factor(step) != self._factor(step + self._repeats):
            self._say(
                f"optimizer.step() was called {1 + self._repeats} times at step {step} of the"
                f" schedule, so the learning rate stays at {self._factor(step):.3g} of its peak:"
                " call schedule.step() after every optimizer.step()"
            )

    def _say(self, message: str) -> None:
        if message[:20] not in self._said:
            self._said.add(message[:20])
            warnings.warn(message, UserWarning, stacklevel=4)
