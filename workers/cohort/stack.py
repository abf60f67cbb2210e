"""The tensors of equal-shaped trials as one, of which every trial keeps its own slice.

After stacking, a trial's model and optimizer hold views: they can be validated, stored and trained
alone as before, and whatever trains the stack trains them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from workers.cohort.gradients import Stacked, Tensors, layers_with_multiplier
from workers.trial import RunningTrial

MOMENTS = {"adam": ("exp_avg", "exp_avg_sq"), "adamw": ("exp_avg", "exp_avg_sq")} | {
    "sgd": ("momentum_buffer",)
}
"""What torch's optimizers keep for every entry of a tensor, by optimizer."""
IN_COHORTS = frozenset(MOMENTS)
"""Optimizers that train cohorts; trials of the others train alone."""
COUNTER = "step"  # torch's name for Adam's count of updates, one a tensor


@dataclass(frozen=True)
class CohortTensors:
    """Everything that changes as a cohort trains; K trials, N tensors."""

    stacked: Stacked
    moments: dict[str, Tensors]
    """[K, ...] by torch's name of the state, then by the tensor's."""
    counters: Tensor
    """[K, N]."""


def stack_trials(trials: Sequence[RunningTrial]) -> CohortTensors:
    """Stack the trials' tensors; their models and optimizers hold views of them from here on."""
    models = [trial.model for trial in trials]
    parameters = [dict(model.named_parameters()) for model in models]
    buffers = [dict(model.named_buffers()) for model in models]
    names = list(parameters[0])
    multiplying = [layers_with_multiplier(model) for model in models]
    dtype, device = parameters[0][names[0]].dtype, parameters[0][names[0]].device
    return CohortTensors(
        stacked=Stacked(
            parameters={name: _shared(own[name] for own in parameters) for name in names},
            buffers={name: _shared(own[name] for own in buffers) for name in buffers[0]},
            multipliers={
                name: torch.tensor(
                    [own[name].multiplier for own in multiplying], dtype=dtype, device=device
                )
                for name in multiplying[0]
            },
        ),
        moments={
            moment: {
                name: _shared_state(trials, [own[name] for own in parameters], moment)
                for name in names
            }
            for moment in MOMENTS[trials[0].spec.optimizer]
        },
        counters=_shared_counters(trials, [list(own.values()) for own in parameters]),
    )


def _shared(tensors: Iterable[Tensor]) -> Tensor:
    own = list(tensors)
    stack = torch.stack([tensor.detach() for tensor in own])
    for tensor, row in zip(own, stack, strict=True):
        tensor.data = row
    return stack


def _shared_state(
    trials: Sequence[RunningTrial], parameters: Sequence[Tensor], moment: str
) -> Tensor:
    states = [
        trial.optimizer.state[parameter]
        for trial, parameter in zip(trials, parameters, strict=True)
    ]
    stack = torch.stack(
        [
            torch.zeros_like(parameter) if (value := state.get(moment)) is None else value
            for state, parameter in zip(states, parameters, strict=True)
        ]
    ).detach()
    for state, row in zip(states, stack, strict=True):
        state[moment] = row
    return stack


def _shared_counters(
    trials: Sequence[RunningTrial], parameters: Sequence[Sequence[Tensor]]
) -> Tensor:
    """Updates done, as torch counts them: a number for every tensor, none of them shared."""
    counters_KN = torch.tensor(
        [[float(trial.step)] * len(own) for trial, own in zip(trials, parameters, strict=True)],
        dtype=torch.float32,
        device=parameters[0][0].device,
    )
    if trials[0].spec.optimizer != "sgd":
        for trial, own, counters_N in zip(trials, parameters, counters_KN, strict=True):
            for parameter, counter in zip(own, counters_N, strict=True):
                trial.optimizer.state[parameter][COUNTER] = counter
    return counters_KN
