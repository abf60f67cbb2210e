"""Clip, update and measure a cohort after its gradients, as one program on a GPU.

Eagerly these are hundreds of small kernels, more than the gradients of a small model; compiled they
are tens. On a CPU kernels cost less than a compiler, and `workers.cohort.updates` is faster.

Shape suffix: N tensors of a group, K trials of the cohort.
"""

from collections.abc import Sequence
from functools import cached_property, partial

import torch
from torch import Tensor

from workers.cohort.gradients import norms_of_stacks
from workers.cohort.programs import Program, Programs
from workers.cohort.stack import CohortTensors
from workers.cohort.tensor_updates import Kind, numbers_of
from workers.cohort.updates import GroupTensors, hyper_of, step_stacks
from workers.training.clipping import EPSILON
from workers.training.trial import RunningTrial


class Finish:
    """The end of every step of these trials.

    Args:
        limits_K: on the gradients' norm; None if no trial clips, or not by that alone.
        compiled: where it is worth a compiler's ten seconds.

    """

    def __init__(
        self,
        trials: Sequence[RunningTrial],
        tensors: CohortTensors,
        programs: Programs,
        limits_K: Tensor | None,
        *,
        compiled: bool,
    ) -> None:
        numbers = [numbers_of(trial) for trial in trials]
        self._kinds = [group.kind for group in tensors.groups]
        self._tensors = [
            GroupTensors(group.parameters, group.states, hyper_of(group, numbers))
            for group in tensors.groups
        ]
        self._limits_K = limits_K
        self._programs, self._compiled = programs, compiled

    @property
    def waits_for(self) -> str | None:
        """The reason that it cannot be recorded; None if it can."""
        return self._program.waits_for

    def refuse(self, reason: str) -> None:
        """Never to be recorded again."""
        self._program.refuse(reason)

    def __call__(self, gradients: list[Tensor], factors_K: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Update every tensor in place; what `finish` returns.

        Args:
            gradients: [N, K, ...] by group.
            factors_K: of every trial's schedule, on its peak rates; float64.

        """
        measured_K: tuple[Tensor, Tensor, Tensor] = self._program(
            self._tensors, gradients, factors_K, self._limits_K
        )
        return measured_K

    @cached_property
    def _program(self) -> Program:
        """Traced with the parameters for gradients, which are as large."""
        like = [group.parameters for group in self._tensors]
        trials = self._tensors[0].parameters.shape[1]
        factors_K = self._tensors[0].parameters.new_zeros(trials, dtype=torch.float64)
        return self._programs.updates(
            ("finish", *(kind.key for kind in self._kinds)),
            partial(finish, self._kinds),
            (self._tensors, like, factors_K, self._limits_K),
            compiled=self._compiled,
        )


def finish(
    kinds: Sequence[Kind],
    tensors: Sequence[GroupTensors],
    gradients: Sequence[Tensor],
    factors_K: Tensor,
    limits_K: Tensor | None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Clip, and step every tensor of every trial in place.

    Args:
        gradients: [N, K, ...] of each group.
        limits_K: on the gradients' norm; None if no trial clips.

    Returns:
        Norms of the gradients before they were clipped, of the new parameters, and the share of the
        gradients' norm that clipping left, [K] each.

    """
    stacks, norms_K = gradients, norms_of_stacks(gradients)
    kept_K = torch.ones_like(norms_K)
    if limits_K is not None:
        kept_K = (limits_K / (norms_K + EPSILON)).clamp(max=1.0)
        stacks = [own * kept_K.view(1, -1, *[1] * (own.dim() - 2)) for own in stacks]
    step_stacks(kinds, tensors, stacks, factors_K)
    return norms_K, norms_of_stacks([group.parameters for group in tensors]), kept_K
