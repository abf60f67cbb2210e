"""The tensors of equal-shaped trials as one, of which every trial keeps its own slice.

After stacking, a trial's model and optimizer hold views: they can be validated, stored and trained
alone as before, and whatever trains the stack trains them.

Shape suffix: N tensors of one shape and one optimizer, K trials of the cohort.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from parametrization.nn.layers import ResidualSum
from parametrization.nn.updates.update import State
from workers.cohort.gradients import Stacked, layers_with_multiplier
from workers.cohort.tensor_updates import COUNTER, Kind, has_fused_kernel, kinds_of
from workers.training.trial import RunningTrial


@dataclass(frozen=True)
class TensorGroup:
    """Tensors that one update steps at once, as if they were more trials of one tensor."""

    kind: Kind
    names: tuple[str, ...]
    parameters: Tensor
    """[N, K, ...]."""
    states: State
    """[N, K, ...], by the optimizer's own names."""


@dataclass(frozen=True)
class CohortTensors:
    """Everything that changes as a cohort trains."""

    stacked: Stacked
    groups: tuple[TensorGroup, ...]
    """Of the same parameters, and of the optimizers' states."""


def stack_trials(trials: Sequence[RunningTrial]) -> CohortTensors:
    """Stack the trials' tensors; their models and optimizers hold views of them from here on."""
    models = [trial.model for trial in trials]
    own = [dict(model.named_parameters()) for model in models]
    groups = tuple(_stacked_group(trials, own, kind, names) for kind, names in _alike(trials[0]))
    parameters = {
        name: stack
        for group in groups
        for name, stack in zip(group.names, group.parameters, strict=True)
    }
    dtype, device = groups[0].parameters.dtype, groups[0].parameters.device
    buffers = [dict(model.named_buffers()) for model in models]
    return CohortTensors(
        stacked=Stacked(
            parameters={name: parameters[name] for name, _ in models[0].named_parameters()},
            buffers={name: _shared([[own[name] for own in buffers]])[0] for name in buffers[0]},
            multipliers={
                name: torch.tensor(numbers, dtype=dtype, device=device)
                for name, numbers in _multipliers(models).items()
            },
        ),
        groups=groups,
    )


def _multipliers(models: Sequence[nn.Module]) -> dict[str, list[float]]:
    """Multipliers of each trial, by layer.

    Branches of a cohort's blocks are nearly always added with one multiplier, which their depth
    gives: then it stays a number, and costs nothing where it is 1.
    """
    multiplying = [layers_with_multiplier(model) for model in models]
    by_layer = {name: [own[name].multiplier for own in multiplying] for name in multiplying[0]}
    return {
        name: numbers
        for name, numbers in by_layer.items()
        if len(set(numbers)) > 1 or not isinstance(multiplying[0][name], ResidualSum)
    }


def _alike(trial: RunningTrial) -> Iterable[tuple[Kind, tuple[str, ...]]]:
    """Names of the tensors that are stepped together, with what steps them."""
    kinds, groups = kinds_of(trial), dict[Hashable, list[str]]()
    for name, parameter in trial.model.named_parameters():
        groups.setdefault((kinds[name].key, parameter.shape, parameter.dtype), []).append(name)
    return [(kinds[names[0]], tuple(names)) for names in groups.values()]


def _stacked_group(
    trials: Sequence[RunningTrial],
    own: Sequence[Mapping[str, Tensor]],
    kind: Kind,
    names: tuple[str, ...],
) -> TensorGroup:
    own_NK = [[parameters[name] for parameters in own] for name in names]
    parts = tuple(kind.optimizer.init(own_NK[0][0].detach()))
    states_NK = [
        [
            _state(trial, kind, parts, parameter)
            for trial, parameter in zip(trials, own_K, strict=True)
        ]
        for own_K in own_NK
    ]
    stacks = {
        part: _stack([[state[part] for state in states_K] for states_K in states_NK])
        for part in states_NK[0][0]
    }
    for number, own_K in enumerate(own_NK):
        for trial_number, (trial, parameter) in enumerate(zip(trials, own_K, strict=True)):
            trial.optimizer.state[parameter] = {
                kind.stored_names.get(part, part): stack[number, trial_number]
                for part, stack in stacks.items()
            }
    return TensorGroup(kind, names, _shared(own_NK), stacks)


def _state(trial: RunningTrial, kind: Kind, parts: Sequence[str], parameter: Tensor) -> State:
    """State that the trial's optimizer keeps for the tensor, by the pure optimizer's names."""
    stored = trial.optimizer.state[parameter]
    values = {part: stored.get(kind.stored_names.get(part, part)) for part in parts}
    if all(value is not None for value in values.values()):
        return values
    fresh = kind.optimizer.init(parameter.detach())
    if COUNTER in fresh and has_fused_kernel(trial):
        fresh[COUNTER] = fresh[COUNTER].float()  # as torch's kernels count
    return {part: fresh[part] if value is None else value for part, value in values.items()}


def _stack(own_NK: Sequence[Sequence[Tensor]]) -> Tensor:
    return torch.stack([torch.stack([own.detach() for own in own_K]) for own_K in own_NK])


def _shared(own_NK: Sequence[Sequence[Tensor]]) -> Tensor:
    """The tensors stacked, each of them the view of its place."""
    stack = _stack(own_NK)
    for own_K, rows in zip(own_NK, stack, strict=True):
        for own, row in zip(own_K, rows, strict=True):
            own.data = row
    return stack
