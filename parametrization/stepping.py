"""The update functions of `optimizers` as a torch optimizer over a model's own parameters.

For optimizers that torch.optim has not, and for models whose roles are trained by several. Each
tensor is stepped by itself, with its own scaled numbers: plain, not fast.
"""

from collections.abc import Callable, Iterable
from typing import Any, overload

import torch
from torch import Tensor, nn

from parametrization.initialise import match
from parametrization.optimizers.registry import named
from parametrization.optimizers.update import (
    CoupledOptimizer,
    GradientOptimizer,
    State,
    for_layout,
)
from parametrization.param_groups import IN_TORCH, build_optimizer, param_groups
from parametrization.scaling import TensorScaling


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


class Stepping(torch.optim.Optimizer):
    """One parameter group per tensor; `lr` is the tensor's rate, which schedulers multiply."""

    def __init__(self, model: nn.Module, scalings: Iterable[TensorScaling]) -> None:
        """Prepare every parameter's state.

        Raises:
            ValueError: if the scalings are not those of this model, or if an optimizer needs
                more than gradients (K-FAC).

        """
        groups: list[dict[str, Any]] = []
        self._optimizers: list[GradientOptimizer | CoupledOptimizer] = []
        self.fan_out_axes: list[int] = []
        """Of each group's tensor."""
        for owned, scaling in match(model, scalings):
            numbers = scaling.hyper
            groups.append(
                {
                    "params": [owned.parameter],
                    "lr": numbers.pop("learning_rate"),
                    "numbers": numbers,
                }
            )
            self.fan_out_axes.append(_fan_out_axis(owned.parameter, owned.owner))
            self._optimizers.append(_of(scaling, self.fan_out_axes[-1]))
        super().__init__(groups, {})

    @property
    def optimizers(self) -> tuple[GradientOptimizer | CoupledOptimizer, ...]:
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
        pairs = [
            (optimizer, group["params"][0], {"learning_rate": group["lr"], **group["numbers"]})
            for optimizer, group in zip(self._optimizers, self.param_groups, strict=True)
            if group["params"][0].grad is not None
        ]
        total = torch.zeros(())
        for optimizer, parameter, hyper in pairs:
            if isinstance(optimizer, CoupledOptimizer):
                total = total + optimizer.contribution(parameter.grad, hyper)
        for optimizer, parameter, hyper in pairs:
            self._step(optimizer, parameter, hyper, total)
        return loss

    def _step(
        self,
        optimizer: GradientOptimizer | CoupledOptimizer,
        parameter: Tensor,
        hyper: dict[str, float],
        total: Tensor,
    ) -> None:
        assert parameter.grad is not None
        state: State = self.state[parameter] or optimizer.init(parameter)
        if isinstance(optimizer, CoupledOptimizer):
            updated, state = optimizer.update(parameter, parameter.grad, state, hyper, total)
        else:
            updated, state = optimizer.update(parameter, parameter.grad, state, hyper)
        self.state[parameter] = state
        parameter.copy_(updated)


def _of(scaling: TensorScaling, fan_out_axis: int) -> GradientOptimizer | CoupledOptimizer:
    optimizer = named(scaling.optimizer)
    if isinstance(optimizer, GradientOptimizer):
        return for_layout(optimizer, fan_out_axis)
    if isinstance(optimizer, CoupledOptimizer):
        return optimizer
    raise ValueError(
        f"{scaling.optimizer} needs the inputs and output gradients of {scaling.name}'s layer,"
        " which an optimizer of torch does not see: train with the library's trainer"
    )


def _fan_out_axis(parameter: Tensor, owner: nn.Module) -> int:
    transposed = (nn.Embedding, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
    return 1 if parameter.dim() > 1 and isinstance(owner, transposed) else 0
