"""One step of a whole cohort on its device: gradients, clipping, updates, and what was measured.

Shape suffix: K trials of the cohort, M measures.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from workers.cohort.finish import Finish
from workers.cohort.gradients import (
    GradientOptions,
    Gradients,
    GroupedGradients,
    Groups,
    fixed_multipliers,
    norms,
)
from workers.cohort.graphs import StaticStep, recorder_of
from workers.cohort.programs import Program, Programs
from workers.cohort.stack import stack_trials
from workers.cohort.tensor_updates import has_fused_kernel
from workers.cohort.updates import SliceUpdates, StackUpdates, Updates
from workers.datasets.data import Batch, flattened
from workers.training.clipping import Clipping
from workers.training.objective import objective
from workers.training.trial import RunningTrial

_Form: TypeAlias = tuple[bool, tuple[Any, ...]]
"""True if the trials share their batch, and the batch's form."""


class _Recorded(NamedTuple):
    """The recorded part of a step."""

    step: StaticStep
    whole: bool
    """Else its gradients alone: the update waits for the device, and no recording can hold it."""


class CohortStep:
    """The step of these trials, whose tensors it stacks.

    Args:
        trials: of one model, optimizer and batch size.
        compiled: compile what is traced.
        compiled_update: compile what follows the gradients, on a GPU.
        autocast: dtype of the matrix products; None for that of the tensors.
        gathered: makes a batch of what `take` is given, on the device; None if that is the batch.
        device_type: whose kernels to call, and whose ways to go; None for that of the tensors.

    """

    def __init__(
        self,
        trials: Sequence[RunningTrial],
        programs: Programs,
        *,
        compiled: bool = False,
        compiled_update: bool = False,
        autocast: torch.dtype | None = None,
        gathered: Callable[[Tensor], Batch] | None = None,
        device_type: str | None = None,
    ) -> None:
        tensors = stack_trials(trials)
        self._gathered = gathered
        self._trial, self._stacked = trials[0], tensors.stacked
        self._programs, self._compiled, self._autocast = programs, compiled, autocast
        first = next(iter(tensors.stacked.parameters.values()))
        self._device = first.device
        self._device_type = device_type or first.device.type
        self._recorder = recorder_of(torch.device(self._device_type))
        trainings = [trial.spec.training for trial in trials]
        self._clipping: Clipping | None = None
        if any(training.clips for training in trainings):
            past = [trial.past_norms for trial in trials]
            self._clipping = Clipping(trainings, [trial.step for trial in trials], past, like=first)
        self._updates: Updates | None = None
        self._finish: Finish | None = None
        self._groups: Groups | None = None
        if self._device_type != "cpu":
            limits_K = self._clipping.limits_alone if self._clipping else None
            update = compiled or compiled_update
            self._finish = Finish(trials, tensors, programs, limits_K, compiled=update)
            self._groups = tuple(group.names for group in tensors.groups)
        elif has_fused_kernel(trials[0]):
            self._updates = SliceUpdates(trials, tensors)
        else:
            self._updates = StackUpdates(trials, tensors, programs, compiled=compiled)
        self._gradients: dict[_Form, Program] = {}
        self._graphs: dict[_Form, _Recorded] = {}

    def take(self, batch: Batch | Tensor, factors_K: Tensor, *, shared_batch: bool) -> Tensor:
        """Update every trial in place; what it measured, [M, K].

        Measured are the loss, the gradient's norm, the new parameters' norm, and the share of the
        gradient's norm that clipping left.

        Args:
            batch: of the step, [K, ...] unless all trials share it; or what it is gathered by.
            factors_K: on the peak learning rates; float64, on the trials' device.

        """
        tensors, form_of_batch = flattened(batch)
        form = (shared_batch, form_of_batch)
        if form not in self._gradients:
            made = self._batch_of(*tensors, form=form)
            self._gradients[form] = self._program_of(made, shared_batch=shared_batch)
        if self._recorder is None:
            return self._taken(factors_K, *tensors, form=form)
        return self._from_recording(form, factors_K, *tensors)

    def close(self) -> None:
        """Free what was recorded; no further step is taken."""
        for recorded in self._graphs.values():
            recorded.step.close()
        self._graphs.clear()
        self._gradients.clear()

    def _from_recording(self, form: _Form, factors_K: Tensor, *tensors: Tensor) -> Tensor:
        """Take a step, as much of it from a recording as one can hold."""
        if self._gradients[form].waits_for is not None and form not in self._graphs:
            return self._taken(factors_K, *tensors, form=form)
        if form not in self._graphs:
            self._graphs[form] = self._to_record(form)
        step, whole = self._graphs[form]
        if whole:
            measured: Tensor = step(factors_K, *tensors)
            return measured
        return self._updated(step.take(*tensors), factors_K)

    def _to_record(self, form: _Form) -> _Recorded:
        assert self._recorder is not None
        update = self._finish or self._updates
        assert update is not None
        whole = update.waits_for is None
        work = self._taken if whole else self._found
        refused = update.refuse if whole else self._gradients[form].refuse
        return _Recorded(StaticStep(partial(work, form=form), *self._recorder, refused), whole)

    def _taken(self, factors_K: Tensor, *tensors: Tensor, form: _Form) -> Tensor:
        return self._updated(self._found(*tensors, form=form), factors_K)

    def _found(self, *tensors: Tensor, form: _Form) -> Gradients | GroupedGradients:
        batch = self._batch_of(*tensors, form=form)
        found: Gradients | GroupedGradients = self._gradients[form](self._stacked, batch)
        return found

    def _batch_of(self, *tensors: Tensor, form: _Form) -> Batch:
        """The batch; gathered as part of what is recorded, so that a replay gathers another."""
        if self._gathered is not None:
            return self._gathered(*tensors)
        _, (structure, _) = form
        batch: Batch = pytree.tree_unflatten(tensors, structure)
        return batch

    def _updated(self, found: Gradients | GroupedGradients, factors_K: Tensor) -> Tensor:
        if isinstance(found, GroupedGradients):
            return self._finished(found, factors_K)
        losses_K, gradients, norms_K = found
        assert self._updates is not None
        assert norms_K is not None
        kept_K = torch.ones_like(norms_K)
        if self._clipping is not None:
            kept_K = self._clipping.clip(list(gradients.values()), norms_K)
        self._updates.apply(gradients, factors_K)
        return torch.stack([losses_K, norms_K, norms(self._stacked.parameters), kept_K])

    def _finished(self, found: GroupedGradients, factors_K: Tensor) -> Tensor:
        losses_K, stacks, norms_K = found
        assert self._finish is not None
        if norms_K is None:
            return torch.stack([losses_K, *self._finish(stacks, factors_K)])
        assert self._clipping is not None
        kept_K = self._clipping.clip([own for stack in stacks for own in stack], norms_K)
        _, parameter_norms_K, _ = self._finish(stacks, factors_K)
        return torch.stack([losses_K, norms_K, parameter_norms_K, kept_K])

    @property
    def _finishes_alone(self) -> bool:
        """True if all that follows the gradients is one program, their norms included."""
        plain = self._clipping is None or self._clipping.limits_alone is not None
        return self._finish is not None and plain

    def _program_of(self, batch: Batch, *, shared_batch: bool) -> Program:
        family = self._trial.spec.model.family
        return self._programs.gradients(
            (family, tuple(fixed_multipliers(self._trial.model, self._stacked))),
            self._trial.model,
            objective(family).training,
            self._stacked,
            batch,
            GradientOptions(
                shared_batch,
                autocast=self._autocast,
                with_norms=not self._finishes_alone,
                groups=self._groups,
            ),
            compiled=self._compiled,
            device_type=self._device_type,
        )
