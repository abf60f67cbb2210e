"""The update functions of `optimizers` as a torch optimizer over a model's own parameters.

For optimizers that torch.optim has not, and for models whose roles are trained by several. Each
tensor is stepped by itself, with its own scaled numbers: plain, not fast.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, overload

import torch
from torch import Tensor, nn

from parametrization.nn.layer_signals import Signals, recorded_signals, refusal
from parametrization.nn.param_groups import IN_TORCH, build_optimizer, param_groups
from parametrization.nn.parameter_names import OwnedParameter
from parametrization.nn.trainable import trainable
from parametrization.nn.updates.adapted.layouts import for_layout
from parametrization.nn.updates.adapted.precision import in_single_precision
from parametrization.nn.updates.adapted.sharded import for_shards
from parametrization.nn.updates.registry import named
from parametrization.nn.updates.update import (
    AnyOptimizer,
    CoupledOptimizer,
    CurvatureOptimizer,
    GradientOptimizer,
    Hyper,
    State,
)
from parametrization.scaling.tensor_scaling import TensorScaling
from parametrization.shapes.roles import Layout


def optimizer_for(model: nn.Module, scalings: Iterable[TensorScaling]) -> torch.optim.Optimizer:
    """Optimizer of the model: one of torch.optim if that trains all of it, else `Stepping`.

    Parameters that require no gradient now are left out: they stay as they are for good.

    Raises:
        ValueError: if the scalings are not those of this model, if nothing in it requires a
            gradient, if a parameter is float16, or if an optimizer cannot train one.

    """
    listed = list(scalings)
    names = {scaling.optimizer for scaling in listed}
    if len(names) == 1 and names <= IN_TORCH:
        return build_optimizer(param_groups(model, listed), listed[0].optimizer, listed[0].others)
    return Stepping(model, listed)


def recording(
    optimizer: torch.optim.Optimizer, predictions: int | None = None
) -> AbstractContextManager[None]:
    """Context for computing the gradients of one step: records the layers' signals for K-FAC.

    Args:
        optimizer: the one that `apply` returned, bare or wrapped by a trainer.
        predictions: number that the loss is the mean over, as in `recorded_signals`.

    Raises:
        TypeError: if it is no optimizer.

    """
    own = _unwrapped(optimizer)
    return own.recording(predictions) if isinstance(own, Stepping) else nullcontext()


@contextmanager
def evaluating(optimizer: torch.optim.Optimizer) -> Iterator[None]:
    """Give the model the values to validate and to export with, until the block ends.

    They differ from the trained ones if the optimizer averages (schedule-free AdamW), and are the
    same otherwise.

    Args:
        optimizer: the one that `apply` returned, bare or wrapped (accelerate, Lightning).

    Raises:
        TypeError: if it is no optimizer.

    """
    own = _unwrapped(optimizer)
    moved = own.evaluation_points() if isinstance(own, Stepping) else []
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
        """Prepare every parameter's state; those that require no gradient are left out.

        Raises:
            ValueError: as `optimizer_for`, and if an optimizer needs a layer's signals that cannot
                be recorded (K-FAC).

        """
        groups: list[dict[str, Any]] = []
        self._optimizers: list[AnyOptimizer] = []
        self._shapes: list[tuple[int, ...]] = []
        self._recorded: list[nn.Module | None] = []
        self.layouts: list[Layout] = []
        """Layout of each group's tensor."""
        self._signals: Signals = {}
        for owned, scaling in trainable(model, scalings):
            numbers = scaling.hyper
            groups.append(
                {
                    "params": [owned.parameter],
                    "lr": numbers.pop("learning_rate"),
                    "numbers": numbers,
                }
            )
            self._optimizers.append(_optimizer(owned, scaling))
            self._shapes.append(scaling.shape)
            takes_signals = isinstance(self._optimizers[-1], CurvatureOptimizer)
            self._recorded.append(owned.owner if takes_signals else None)
            self.layouts.append(scaling.layout)
        super().__init__(groups, {})

    @property
    def optimizers(self) -> tuple[AnyOptimizer, ...]:
        """Optimizer of each group's tensor."""
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
        stepped = [at for at, _, parameter, _ in self._groups() if parameter.grad is not None]
        total = self._total(stepped)
        for at, optimizer, parameter, hyper in self._groups():
            if at in stepped:
                self._step(at, optimizer, parameter, hyper, total)
        self._signals = {}
        return loss

    @contextmanager
    def recording(self, predictions: int | None = None) -> Iterator[None]:
        """Record layers' signals for the next step; `predictions` as in `recorded_signals`."""
        layers = [layer for layer in self._recorded if layer is not None]
        with recorded_signals(layers, predictions) as self._signals:
            yield

    @torch.no_grad()
    def evaluation_points(self) -> list[tuple[Tensor, Tensor]]:
        """Parameters that are validated with other values than the trained ones, with these."""
        return [
            (parameter, optimizer.evaluation_point(parameter, self.state[parameter], hyper))
            for _, optimizer, parameter, hyper in self._groups()
            if isinstance(optimizer, GradientOptimizer)
            and optimizer.evaluation_point is not None
            and self.state[parameter]
        ]

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load a state, every part in the dtype that it was stored in.

        torch casts all but `step` to the parameter's: bfloat16 would round counts and averages.
        """
        loaded: list[dict[str, Any]] = []
        handle = self.register_load_state_dict_pre_hook(
            lambda _optimizer, state: loaded.append(state)
        )
        try:
            super().load_state_dict(state_dict)
        finally:
            handle.remove()
        for group, stored in zip(self.param_groups, loaded[0]["param_groups"], strict=True):
            for parameter, name in zip(group["params"], stored["params"], strict=True):
                for part, value in loaded[0]["state"].get(name, {}).items():
                    self.state[parameter][part] = value.to(device=parameter.device)

    def _groups(self) -> Iterator[tuple[int, AnyOptimizer, Tensor, Hyper]]:
        pairs = zip(self._optimizers, self.param_groups, strict=True)
        for at, (optimizer, group) in enumerate(pairs):
            (parameter,) = group["params"]
            yield at, optimizer, parameter, {"learning_rate": group["lr"], **group["numbers"]}

    def _total(self, stepped: Iterable[int]) -> Tensor:
        """Sum of the contributions of all tensors, which the step of each depends on."""
        total = torch.zeros(())
        for at, optimizer, parameter, hyper in self._groups():
            if isinstance(optimizer, CoupledOptimizer) and at in stepped:
                assert parameter.grad is not None
                total = total + optimizer.contribution(parameter.grad, hyper)
        return total

    def _step(
        self, at: int, optimizer: AnyOptimizer, parameter: Tensor, hyper: Hyper, total: Tensor
    ) -> None:
        assert parameter.grad is not None
        if not optimizer.declaration.entrywise and parameter.shape != self._shapes[at]:
            raise RuntimeError(
                f"{optimizer.name} steps matrices, and got a tensor {tuple(parameter.shape)} for"
                f" one of {self._shapes[at]}: FSDP1 flattens parameters; shard the model by"
                " torch.distributed.fsdp.fully_shard instead, before `apply`"
            )
        state: State = self.state[parameter] or optimizer.init(parameter)
        if isinstance(optimizer, CoupledOptimizer):
            updated, state = optimizer.update(parameter, parameter.grad, state, hyper, total)
        elif isinstance(optimizer, CurvatureOptimizer):
            layer = self._recorded[at]
            assert layer is not None
            signals = self._signals.get(layer)
            if signals is not None:
                updated, state = optimizer.update(parameter, parameter.grad, state, hyper, signals)
            elif hyper["learning_rate"] == 0:  # torch's checkpoints do that to fill the state
                updated = parameter
            else:
                raise RuntimeError(
                    f"{optimizer.name} needs what its layers saw: compute the gradients of every"
                    " step inside `with parametrization.nn.stepping.recording(optimizer):`"
                )
        else:
            updated, state = optimizer.update(parameter, parameter.grad, state, hyper)
        self.state[parameter] = state
        parameter.copy_(updated)


def _optimizer(owned: OwnedParameter, scaling: TensorScaling) -> AnyOptimizer:
    """Optimizer of one tensor: for its layout, in single precision at least, sharded or not."""
    optimizer = named(scaling.optimizer)
    if isinstance(optimizer, CurvatureOptimizer):
        _check_recordable(owned, scaling)
        return for_shards(in_single_precision(optimizer))
    return for_shards(in_single_precision(for_layout(optimizer, scaling.layout)))


def _check_recordable(owned: OwnedParameter, scaling: TensorScaling) -> None:
    reason = refusal(owned.owner)
    if reason is not None or owned.attribute != "weight":
        raise ValueError(
            f"{scaling.optimizer} cannot train {owned.name}: {reason or 'it is no weight'}; have"
            " another optimizer train it"
        )


def _unwrapped(optimizer: object) -> torch.optim.Optimizer:
    """The optimizer inside of a trainer's wrapper, whose attribute `optimizer` holds it."""
    while not isinstance(optimizer, Stepping):
        inner = getattr(optimizer, "optimizer", None)
        if not isinstance(inner, torch.optim.Optimizer):
            break
        optimizer = inner
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise TypeError(
            "this takes the optimizer that `apply` returned, bare or wrapped by a trainer, and got"
            f" a {type(optimizer).__name__}"
        )
    return optimizer
