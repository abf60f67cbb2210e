"""The update functions of `optimizers` as a torch optimizer over a model's own parameters.

For optimizers that torch.optim has not, and for models whose roles are trained by several. Each
tensor is stepped by itself, with its own scaled numbers: plain, not fast.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, overload

import torch
from torch import Tensor, nn

from parametrization.nn.initialise import match
from parametrization.nn.layer_signals import Signals, recorded_signals, refusal
from parametrization.nn.param_groups import IN_TORCH, build_optimizer, param_groups
from parametrization.nn.parameter_names import OwnedParameter
from parametrization.nn.updates.registry import named
from parametrization.nn.updates.update import (
    AnyOptimizer,
    CoupledOptimizer,
    CurvatureOptimizer,
    GradientOptimizer,
    Hyper,
    State,
    for_layout,
)
from parametrization.scaling.tensor_scaling import TensorScaling


def optimizer_for(model: nn.Module, scalings: Iterable[TensorScaling]) -> torch.optim.Optimizer:
    """What updates the model: torch.optim's where one optimizer of torch's trains all of it.

    Raises:
        ValueError: if the scalings are not those of this model.

    """
    listed = list(scalings)
    names = {scaling.optimizer for scaling in listed}
    if len(names) == 1 and names <= IN_TORCH:
        return build_optimizer(param_groups(model, listed), listed[0].optimizer, listed[0].others)
    return Stepping(model, listed)


def recording(
    optimizer: torch.optim.Optimizer, predictions: int | None = None
) -> AbstractContextManager[None]:
    """Where the gradients of one step have to be computed: records what K-FAC needs, if anything.

    Args:
        predictions: that the loss is the mean over, as in `recorded_signals`.

    """
    return optimizer.recording(predictions) if isinstance(optimizer, Stepping) else nullcontext()


@contextmanager
def evaluating(optimizer: torch.optim.Optimizer) -> Iterator[None]:
    """The model's values are those to validate and to export with, as long as this lasts.

    They differ from the trained ones where the optimizer averages (schedule-free AdamW), and
    nowhere else.
    """
    moved = optimizer.evaluation_points() if isinstance(optimizer, Stepping) else []
    trained = [parameter.detach().clone() for parameter, _ in moved]
    with torch.no_grad():
        for parameter, point in moved:
            parameter.copy_(point)
    try:
        yield
    finally:
        with torch.no_grad():
            for (parameter, _), values in zip(moved, trained, strict=True):
                parameter.copy_(values)


class Stepping(torch.optim.Optimizer):
    """One parameter group per tensor; `lr` is the tensor's rate, which schedulers multiply."""

    def __init__(self, model: nn.Module, scalings: Iterable[TensorScaling]) -> None:
        """Prepare every parameter's state.

        Raises:
            ValueError: if the scalings are not those of this model, or if an optimizer needs a
                layer's signals that cannot be recorded (K-FAC).

        """
        groups: list[dict[str, Any]] = []
        self._optimizers: list[AnyOptimizer] = []
        self.fan_out_axes: list[int] = []
        """Of each group's tensor."""
        self._recorded: dict[Tensor, nn.Module] = {}
        self._signals: Signals = {}
        for owned, scaling in match(model, scalings):
            numbers = scaling.hyper
            groups.append(
                {
                    "params": [owned.parameter],
                    "lr": numbers.pop("learning_rate"),
                    "numbers": numbers,
                }
            )
            optimizer = named(scaling.optimizer)
            self.fan_out_axes.append(_fan_out_axis(owned.parameter, owned.owner))
            if isinstance(optimizer, CurvatureOptimizer):
                _check_recordable(owned, scaling)
                self._recorded[owned.parameter] = owned.owner
            elif isinstance(optimizer, GradientOptimizer):
                optimizer = for_layout(optimizer, self.fan_out_axes[-1])
            self._optimizers.append(optimizer)
        super().__init__(groups, {})

    @property
    def optimizers(self) -> tuple[AnyOptimizer, ...]:
        """What steps each group's tensor."""
        return tuple(self._optimizers)

    @overload
    def step(self, closure: None = None) -> None: ...
    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Update every parameter that has a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        stepped = [one for one in self._stepped() if one[1].grad is not None]
        total = torch.zeros(())
        for optimizer, parameter, hyper in stepped:
            if isinstance(optimizer, CoupledOptimizer):
                assert parameter.grad is not None
                total = total + optimizer.contribution(parameter.grad, hyper)
        for optimizer, parameter, hyper in stepped:
            self._step(optimizer, parameter, hyper, total)
        self._signals = {}
        return loss

    @contextmanager
    def recording(self, predictions: int | None = None) -> Iterator[None]:
        """Record what the next step needs; `predictions` as in `recorded_signals`."""
        with recorded_signals(self._recorded.values(), predictions) as self._signals:
            yield

    @torch.no_grad()
    def evaluation_points(self) -> list[tuple[Tensor, Tensor]]:
        """Every parameter whose trained values are not the ones to validate with, and those."""
        return [
            (parameter, optimizer.evaluation_point(parameter, self.state[parameter], hyper))
            for optimizer, parameter, hyper in self._stepped()
            if isinstance(optimizer, GradientOptimizer)
            and optimizer.evaluation_point is not None
            and self.state[parameter]
        ]

    def _stepped(self) -> Iterator[tuple[AnyOptimizer, Tensor, Hyper]]:
        for optimizer, group in zip(self._optimizers, self.param_groups, strict=True):
            (parameter,) = group["params"]
            yield optimizer, parameter, {"learning_rate": group["lr"], **group["numbers"]}

    def _step(
        self, optimizer: AnyOptimizer, parameter: Tensor, hyper: Hyper, total: Tensor
    ) -> None:
        assert parameter.grad is not None
        state: State = self.state[parameter] or optimizer.init(parameter)
        if isinstance(optimizer, CoupledOptimizer):
            updated, state = optimizer.update(parameter, parameter.grad, state, hyper, total)
        elif isinstance(optimizer, CurvatureOptimizer):
            signals = self._signals.get(self._recorded[parameter])
            if signals is None:
                raise RuntimeError(
                    f"{optimizer.name} needs what its layers saw: compute the gradients of every"
                    " step inside `with parametrization.nn.stepping.recording(optimizer):`"
                )
            updated, state = optimizer.update(parameter, parameter.grad, state, hyper, signals)
        else:
            updated, state = optimizer.update(parameter, parameter.grad, state, hyper)
        self.state[parameter] = state
        parameter.copy_(updated)


def _check_recordable(owned: OwnedParameter, scaling: TensorScaling) -> None:
    reason = refusal(owned.owner)
    if reason is not None or owned.attribute != "weight":
        raise ValueError(
            f"{scaling.optimizer} cannot train {owned.name}: {reason or 'it is no weight'}; have"
            " another optimizer train it"
        )


def _fan_out_axis(parameter: Tensor, owner: nn.Module) -> int:
    transposed = (nn.Embedding, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
    return 1 if parameter.dim() > 1 and isinstance(owner, transposed) else 0
