"""Define an optimizer's update as pure functions over one tensor of one trial.

The same functions train a trial alone and, mapped over a leading axis by `over_trials`, a whole
cohort: no input is changed in place and no Python branch reads a tensor's values. State is a flat
dict of tensors, so a checkpoint is `torch.save` of it and a survivor is an `index_select`.
Parameters are float32 or float64: in mixed precision, the master weights.

A tensor's dimension 0 is its fan-out and the others its fan-in, as torch lays out Linear and
Conv; `adapted.layouts.for_layout` adapts an optimizer that cares to other layouts.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple, ParamSpec, TypeAlias, TypeVar

import torch
from torch import Tensor

from parametrization.optimizers.declaration import OptimizerDeclaration

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
Number: TypeAlias = Tensor | float
State: TypeAlias = dict[str, Tensor]
Hyper: TypeAlias = Mapping[str, Number]
"""One tensor's hyperparameters, already scaled to its width: floats or 0-d tensors."""


class LayerSignals(NamedTuple):
    """Inputs and output gradients of a linear layer; rows are examples, positions or patches."""

    inputs: Tensor
    """[examples, fan_in]; append a column of ones where the tensor carries the bias as well."""
    output_gradients: Tensor
    """[examples, fan_out]: each row the gradient of that example's own loss, not of the mean."""


Init: TypeAlias = Callable[[Tensor], State]
GradientUpdate: TypeAlias = Callable[[Tensor, Tensor, State, Hyper], tuple[Tensor, State]]
"""(parameter, gradient, state, hyper) -> (new parameter, new state)."""
Contribution: TypeAlias = Callable[[Tensor, Hyper], Tensor]
"""(gradient, hyper) -> 0-d tensor, to be added up over all tensors of the trial."""
CoupledUpdate: TypeAlias = Callable[[Tensor, Tensor, State, Hyper, Tensor], tuple[Tensor, State]]
"""(parameter, gradient, state, hyper, sum of the contributions) -> (new parameter, new state)."""
CurvatureUpdate: TypeAlias = Callable[
    [Tensor, Tensor, State, Hyper, LayerSignals], tuple[Tensor, State]
]
"""(parameter, gradient, state, hyper, signals) -> (new parameter, new state)."""
EvaluationPoint: TypeAlias = Callable[[Tensor, State, Hyper], Tensor]
"""(parameter, state, hyper) -> the values to validate and to export."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Steppable:
    """Base of all kinds of optimizers: a declaration, and a function that makes the first state."""

    declaration: OptimizerDeclaration
    init: Init

    @property
    def name(self) -> str:
        """Name of the optimizer, as declared."""
        return self.declaration.name


@dataclass(frozen=True, slots=True, kw_only=True)
class GradientOptimizer(_Steppable):
    """Optimizer whose step needs the tensor's own gradient alone.

    Attributes:
        evaluation_point: computes the values to validate with; None if they are the trained ones.

    """

    update: GradientUpdate
    evaluation_point: EvaluationPoint | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CoupledOptimizer(_Steppable):
    """Optimizer whose step depends on one number summed over all tensors of the trial."""

    contribution: Contribution
    update: CoupledUpdate


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvatureOptimizer(_Steppable):
    """Optimizer whose step needs the inputs and output gradients of the tensor's layer."""

    update: CurvatureUpdate


AnyOptimizer: TypeAlias = GradientOptimizer | CoupledOptimizer | CurvatureOptimizer
Kind = TypeVar("Kind", bound=AnyOptimizer)
More: TypeAlias = Tensor | LayerSignals
"""An update's fifth argument: the sum of the contributions, or signals."""
AnyUpdate: TypeAlias = Callable[..., tuple[Tensor, State]]
"""Update of any kind of optimizer: four arguments, or five."""


def adapted(
    optimizer: Kind,
    init: Init,
    update: AnyUpdate,
    contribution: Callable[[Contribution], Contribution],
    evaluation_point: Callable[[EvaluationPoint], EvaluationPoint],
) -> Kind:
    """The optimizer with other functions; the last two are made from those that it has, if any."""
    changed: dict[str, Any] = {"init": init, "update": update}
    if isinstance(optimizer, CoupledOptimizer):
        changed["contribution"] = contribution(optimizer.contribution)
    if isinstance(optimizer, GradientOptimizer) and optimizer.evaluation_point is not None:
        changed["evaluation_point"] = evaluation_point(optimizer.evaluation_point)
    return replace(optimizer, **changed)


def over_trials(update: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Any of the updates, or a contribution, over a leading axis of trials.

    Tensors are [K, ...] and hyperparameters [K].

    Floats among the hyperparameters are shared by all trials.
    """

    def update_cohort(*arguments: Arguments.args, **options: Arguments.kwargs) -> Result:
        axes = tuple(_trial_axis(argument) for argument in arguments)
        mapped = torch.func.vmap(partial(update, **options), in_dims=axes)
        updated: Result = mapped(*arguments)
        return updated

    return update_cohort


def _trial_axis(argument: object) -> int | dict[str, int | None]:
    if isinstance(argument, Mapping):
        return {name: 0 if isinstance(value, Tensor) else None for name, value in argument.items()}
    return 0


def no_state(_parameter: Tensor) -> State:
    """State of an optimizer that remembers nothing."""
    return {}


def counter(parameter: Tensor) -> Tensor:
    """0-d count of updates done, a float wide enough for the count and for powers of a beta."""
    dtype = torch.promote_types(parameter.dtype, torch.float32)
    return torch.zeros((), dtype=dtype, device=parameter.device)


def decayed(average: Tensor, value: Tensor, beta: Number) -> Tensor:
    """Exponential moving average: beta * average + (1 - beta) * value, in the average's dtype."""
    return (beta * average + (1 - beta) * value).to(average.dtype)


def at_least(tensor: Tensor, floor: Number) -> Tensor:
    """Every entry, raised to `floor` where it is below; in the tensor's dtype, NaN stays NaN.

    Not `clamp`: under `vmap` its result takes the dtype of a 0-d floor.
    """
    return torch.maximum(tensor, (torch.zeros_like(tensor) + floor).to(tensor.dtype))


def shrunk(parameter: Tensor, hyper: Hyper) -> Tensor:
    """The parameter after decoupled weight decay as torch does it: times 1 - rate * decay."""
    return parameter * (1 - hyper["learning_rate"] * hyper["weight_decay"])
