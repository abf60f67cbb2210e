"""One step of a whole cohort on its device: gradients, clipping, updates, and what was measured.

Shape suffix: K trials of the cohort, M measures.
"""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any, Final, TypeAlias

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from workers.cohort.gradients import GradientProgram, fixed_multipliers, norms
from workers.cohort.graphs import StaticStep, cuda_graph, on_a_side_stream
from workers.cohort.programs import Programs
from workers.cohort.stack import stack_trials
from workers.cohort.tensor_updates import has_fused_kernel
from workers.cohort.updates import SliceUpdates, StackUpdates, Updates
from workers.datasets.data import Batch, flattened
from workers.training.objective import objective
from workers.training.trial import RunningTrial

_Form: TypeAlias = tuple[bool, tuple[Any, ...]]
_CLIP_EPSILON: Final = 1e-6  # torch.nn.utils.clip_grad_norm_'s own


class CohortStep:
    """The step of these trials, whose tensors it stacks.

    Args:
        trials: of one model, optimizer and batch size.
        compiled: compile what is traced.
        autocast: dtype of the matrix products; None for that of the tensors.

    """

    def __init__(
        self,
        trials: Sequence[RunningTrial],
        programs: Programs,
        *,
        compiled: bool = False,
        autocast: torch.dtype | None = None,
    ) -> None:
        tensors = stack_trials(trials)
        self._trial, self._stacked = trials[0], tensors.stacked
        self._programs, self._compiled, self._autocast = programs, compiled, autocast
        first = next(iter(tensors.stacked.parameters.values()))
        self._updates: Updates
        if first.device.type == "cpu" and has_fused_kernel(trials[0]):
            self._updates = SliceUpdates(trials, tensors)
        else:
            self._updates = StackUpdates(trials, tensors, programs, compiled=compiled)
        self._gradients: dict[_Form, GradientProgram] = {}
        self._graphs: dict[_Form, StaticStep] = {}
        """Both by whether the trials share their batch, and by its form."""
        limits = [trial.spec.training.gradient_clip_norm for trial in trials]
        self._clips = any(limit is not None for limit in limits)
        self._limits_K = torch.tensor(
            [math.inf if limit is None else limit for limit in limits],
            dtype=first.dtype,
            device=first.device,
        )

    def take(self, batch: Batch, factors_K: Tensor, *, shared_batch: bool) -> Tensor:
        """Update every trial in place; its loss, gradient norm and new parameter norm, [M, K].

        Args:
            batch: of the step, [K, ...] unless all trials share it.
            factors_K: on the peak learning rates; float64.

        """
        tensors, form_of_batch = flattened(batch)
        form = (shared_batch, form_of_batch)
        if self._limits_K.device.type == "cpu":
            return self._taken(factors_K, *tensors, form=form)
        if form not in self._graphs:
            step = partial(self._taken, form=form)
            self._graphs[form] = StaticStep(step, cuda_graph, on_a_side_stream)
        return self._graphs[form](factors_K.to(self._limits_K.device), *tensors)

    def _taken(self, factors_K: Tensor, *tensors: Tensor, form: _Form) -> Tensor:
        shared_batch, (structure, _) = form
        batch: Batch = pytree.tree_unflatten(tensors, structure)
        if form not in self._gradients:
            family = self._trial.spec.model.family
            self._gradients[form] = self._programs.gradients(
                (family, tuple(fixed_multipliers(self._trial.model, self._stacked))),
                self._trial.model,
                objective(family).training,
                self._stacked,
                batch,
                shared_batch=shared_batch,
                compiled=self._compiled,
                autocast=self._autocast,
            )
        losses_K, gradients, norms_K = self._gradients[form](self._stacked, batch)
        if self._clips:
            shares_K = (self._limits_K / (norms_K + _CLIP_EPSILON)).clamp(max=1.0)
            for gradient in gradients.values():
                gradient *= shares_K.view(-1, *[1] * (gradient.dim() - 1))
        self._updates.apply(gradients, factors_K)
        return torch.stack([losses_K, norms_K, norms(self._stacked.parameters)])
