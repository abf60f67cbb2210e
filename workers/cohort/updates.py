"""The optimizer's step of a whole cohort, in the two ways that are fast.

On a CPU torch's fused kernels where it has them, trial by trial on slices of the stack: an
elementwise optimizer written over the stack is slower there than training alone. Elsewhere, and
for every optimizer that has no fused kernel, the pure update functions over the stack.

Shape suffix: N tensors of a group, K trials of the cohort.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from parametrization.nn.updates.update import (
    CoupledOptimizer,
    State,
    over_trials,
)
from parametrization.optimizers.built_in.adam import ADAMW
from parametrization.optimizers.built_in.sgd import SGD
from workers.cohort.gradients import Tensors
from workers.cohort.programs import Program, Programs
from workers.cohort.stack import CohortTensors, TensorGroup
from workers.cohort.tensor_updates import COUNTER, Kind, numbers_of
from workers.training.trial import RunningTrial


class Updates(Protocol):
    """One update of every trial's tensors, in place."""

    @property
    def waits_for(self) -> str | None:
        """The reason that it cannot be recorded; None if it can."""

    def refuse(self, reason: str) -> None:
        """Never to be recorded again."""

    def apply(self, gradients: Tensors, factors_K: Tensor) -> None:
        """Take a step.

        Args:
            gradients: [K, ...] by tensor, contiguous.
            factors_K: of every trial's schedule, on its peak rates; float64.

        """


class _Group(NamedTuple):
    """Tensors of one trial with one rate."""

    trial: int
    peak_rate: float
    step: Callable[[list[Tensor], float], None]
    """Takes the gradients and the rate."""
    names: tuple[str, ...]


class SliceUpdates:
    """torch's own fused kernels: the same arithmetic, bit for bit, as the trial alone."""

    waits_for = None

    def __init__(self, trials: Sequence[RunningTrial], tensors: CohortTensors) -> None:
        states = [group.states for group in tensors.groups]
        self._counters = [state[COUNTER] for state in states if COUNTER in state]
        self._groups = [
            _fused_group(number, trial, group, peak_rate)
            for number, trial in enumerate(trials)
            for group, peak_rate in zip(trial.optimizer.param_groups, trial.peak_rates, strict=True)
        ]

    def refuse(self, reason: str) -> None:
        """Nothing is recorded on a CPU."""

    def apply(self, gradients: Tensors, factors_K: Tensor) -> None:
        """Take a step."""
        slices = {name: tensor.unbind(0) for name, tensor in gradients.items()}
        factors = factors_K.tolist()
        for counter_NK in self._counters:
            counter_NK += 1
        for trial, peak_rate, step, names in self._groups:
            step([slices[name][trial] for name in names], peak_rate * factors[trial])


def _fused_group(
    number: int, trial: RunningTrial, group: Mapping[str, Any], peak_rate: float
) -> _Group:
    names = {parameter: name for name, parameter in trial.model.named_parameters()}
    optimizer, parameters = trial.spec.optimizer, group["params"]
    states = [trial.optimizer.state[parameter] for parameter in parameters]
    if optimizer == SGD.name:
        kept = [[state["momentum_buffer"] for state in states]]
        kernel = partial(
            torch._fused_sgd_,
            momentum=group["momentum"],
            dampening=0.0,
            nesterov=False,
            is_first_step=False,
        )
    else:
        beta1, beta2 = group["betas"]
        means, squares, counters = (
            [state[part] for state in states] for part in ("exp_avg", "exp_avg_sq", COUNTER)
        )
        kept = [means, squares, [], counters]  # no maxima: those are AMSGrad's
        kernel = partial(
            torch._fused_adamw_ if optimizer == ADAMW.name else torch._fused_adam_,
            beta1=beta1,
            beta2=beta2,
            eps=group["eps"],
            amsgrad=False,
        )

    def step(gradients: list[Tensor], rate: float) -> None:
        kernel(
            parameters,
            gradients,
            *kept,
            lr=rate,
            weight_decay=group["weight_decay"],
            maximize=False,
        )

    return _Group(number, peak_rate, step, tuple(names[parameter] for parameter in parameters))


class GroupTensors(NamedTuple):
    """The tensors that one group's update reads and writes."""

    parameters: Tensor
    """[N, K, ...]; written."""
    states: State
    """[N, K, ...]; written."""
    hyper: Tensors
    """[N * K]: with the peak learning rate, in float64."""


class StackUpdates:
    """The pure update functions over trials and tensors of one shape, as one program."""

    def __init__(
        self,
        trials: Sequence[RunningTrial],
        tensors: CohortTensors,
        programs: Programs,
        *,
        compiled: bool = False,
    ) -> None:
        numbers = [numbers_of(trial) for trial in trials]
        self._names = [group.names for group in tensors.groups]
        self._kinds = [group.kind for group in tensors.groups]
        self._tensors = [
            GroupTensors(group.parameters, group.states, hyper_of(group, numbers))
            for group in tensors.groups
        ]
        self._programs, self._compiled = programs, compiled
        self._stacked, self._trials = tensors.stacked.parameters, len(trials)

    @property
    def waits_for(self) -> str | None:
        """The reason that it cannot be recorded; None if it can."""
        return self._program.waits_for

    def refuse(self, reason: str) -> None:
        """Never to be recorded again."""
        self._program.refuse(reason)

    def apply(self, gradients: Tensors, factors_K: Tensor) -> None:
        """Take a step."""
        self._program(self._tensors, self._by_group(gradients), factors_K)

    def _by_group(self, gradients: Tensors) -> list[list[Tensor]]:
        return [[gradients[name] for name in names] for names in self._names]

    @cached_property
    def _program(self) -> Program:
        """Traced with the parameters for gradients, which are as large."""
        like = self._by_group(self._stacked)
        factors_K = self._tensors[0].parameters.new_zeros(self._trials, dtype=torch.float64)
        return self._programs.updates(
            tuple(kind.key for kind in self._kinds),
            partial(update_groups, self._kinds),
            (self._tensors, like, factors_K),
            compiled=self._compiled,
        )


def update_groups(
    kinds: Sequence[Kind],
    tensors: Sequence[GroupTensors],
    gradients: Sequence[Sequence[Tensor]],
    factors_K: Tensor,
) -> None:
    """Step every tensor of every trial, in place.

    Args:
        gradients: [K, ...] of each tensor of each group.

    """
    step_stacks(kinds, tensors, [torch.stack(list(own)) for own in gradients], factors_K)


def step_stacks(
    kinds: Sequence[Kind],
    tensors: Sequence[GroupTensors],
    gradients: Sequence[Tensor],
    factors_K: Tensor,
) -> None:
    """Step every tensor of every trial, in place.

    Args:
        gradients: [N, K, ...] of each group.

    """
    hypers = [_at_rate(group, factors_K) for group in tensors]
    stacks = [own.flatten(0, 1) for own in gradients]
    totals_K = _totals(kinds, stacks, hypers, len(factors_K))
    for kind, group, gradient, hyper in zip(kinds, tensors, stacks, hypers, strict=True):
        given = (
            group.parameters.flatten(0, 1),
            gradient,
            {part: state.flatten(0, 1) for part, state in group.states.items()},
            hyper,
        )
        optimizer = kind.optimizer
        if isinstance(optimizer, CoupledOptimizer):
            total = totals_K.repeat(len(group.parameters))
            parameters, states = over_trials(optimizer.update)(*given, total)
        else:
            parameters, states = over_trials(optimizer.update)(*given)
        group.parameters.copy_(parameters.view_as(group.parameters))
        for part, state in states.items():
            group.states[part].copy_(state.view_as(group.states[part]))


def _at_rate(group: GroupTensors, factors_K: Tensor) -> Tensors:
    factors = factors_K.repeat(len(group.parameters))
    peak, dtype = group.hyper["learning_rate"], group.parameters.dtype
    rated = group.hyper | {"learning_rate": peak * factors}
    return {name: number.to(dtype) for name, number in rated.items()}


def _totals(
    kinds: Sequence[Kind], gradients: Sequence[Tensor], hypers: Sequence[Tensors], trials: int
) -> Tensor:
    """The contributions of each trial's tensors, added up; [K]."""
    totals_K = gradients[0].new_zeros(trials)
    for kind, gradient, hyper in zip(kinds, gradients, hypers, strict=True):
        if isinstance(kind.optimizer, CoupledOptimizer):
            contributions = over_trials(kind.optimizer.contribution)(gradient, hyper)
            totals_K = totals_K + contributions.view(-1, trials).sum(0)
    return totals_K


def hyper_of(group: TensorGroup, numbers: Sequence[Mapping[str, Mapping[str, float]]]) -> Tensors:
    """Numbers of every tensor of every trial, [N * K] by hyperparameter, in float64."""
    return {
        hyper: torch.tensor(
            [own[name][hyper] for name in group.names for own in numbers],
            dtype=torch.float64,
            device=group.parameters.device,
        )
        for hyper in numbers[0][group.names[0]]
    }
