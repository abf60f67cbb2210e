"""Trials of one shape that take every step together, each as if it were alone.

Shape suffix: K trials of the cohort, M measures, S steps.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import torch
from torch import Tensor

from workers.cohort.programs import Programs
from workers.cohort.step import CohortStep
from workers.datasets.data import Batch
from workers.trainer import Update, clip_fraction, learning_rate_factor
from workers.trial import RunningTrial

BLOCK_STEPS: Final = 32
"""Steps between two looks at what was measured: on a GPU each look waits for it."""
_AUTOCAST: Final = {"fp32": None, "bf16": torch.bfloat16}


@dataclass
class Advance:
    """What one trial did among the others."""

    updates: list[Update] = field(default_factory=list)
    diverged_at: int | None = None
    """The step that left the finite numbers; `updates` ends before it."""


class Cohort:
    """Opened on trials whose tensors it stacks; they hold slices from here on.

    Args:
        trials: of one model, optimizer, precision and batch size; everything else may differ.
            Their steps and seeds may too, at the price of a batch of its own for every trial.
        programs: traced or compiled before, to be used again.
        compiled: compile the gradients, which takes half a minute, once a shape.

    """

    def __init__(
        self, trials: Sequence[RunningTrial], programs: Programs, *, compiled: bool = False
    ) -> None:
        self.trials = tuple(trials)
        self.advances = tuple(Advance() for _ in trials)
        self._step_of_all = CohortStep(
            trials,
            programs,
            compiled=compiled,
            autocast=_AUTOCAST[trials[0].spec.training.precision],
        )
        self._limits = [trial.spec.training.gradient_clip_norm for trial in trials]
        self._steps = [trial.step for trial in trials]
        self._measured: list[Tensor] = []

    @property
    def alive(self) -> list[RunningTrial]:
        """The trials that have not diverged."""
        return [
            trial
            for trial, advance in zip(self.trials, self.advances, strict=True)
            if advance.diverged_at is None
        ]

    def advance(self, steps: int) -> None:
        """Take steps, all trials alike; back before the last once half of them have diverged.

        Whatever interrupts it, the steps that were taken are in the trials' histories.
        """
        try:
            with torch.no_grad():
                for taken in range(steps):
                    if taken and taken % BLOCK_STEPS == 0:
                        self._look()
                        if 2 * len(self.alive) <= len(self.trials):
                            return
                    self._step()
        finally:
            self._look()

    def _step(self) -> None:
        factors_K = torch.tensor(
            [
                learning_rate_factor(trial.spec.training, step)
                for trial, step in zip(self.trials, self._steps, strict=True)
            ],
            dtype=torch.float64,
        )
        batch, shared = self._batch()
        self._measured.append(self._step_of_all.take(batch, factors_K, shared_batch=shared))
        self._steps = [step + 1 for step in self._steps]

    def _batch(self) -> tuple[Batch, bool]:
        """The batch of this step, and whether all trials share it."""
        if len({trial.spec.seed for trial in self.trials}) == len(set(self._steps)) == 1:
            return self.trials[0].batch(self._steps[0]), True
        batches = [trial.batch(step) for trial, step in zip(self.trials, self._steps, strict=True)]
        inputs, targets = zip(*batches, strict=True)
        return Batch(torch.stack(inputs), torch.stack(targets)), False

    def _look(self) -> None:
        """Write what was measured into the trials' histories."""
        if not self._measured:
            return
        measured_KMS = torch.stack(self._measured, dim=-1).movedim(1, 0).tolist()
        first_steps = [step - len(self._measured) for step in self._steps]
        self._measured = []
        for number, columns in enumerate(measured_KMS):
            if self.advances[number].diverged_at is None:
                self._record(number, first_steps[number], zip(*columns, strict=True))

    def _record(
        self, number: int, first_step: int, measured: Iterable[tuple[float, float, float]]
    ) -> None:
        trial, advance = self.trials[number], self.advances[number]
        peak_rate, limit = trial.spec.hyperparameters["learning_rate"], self._limits[number]
        for step, (loss, gradient_norm, parameter_norm) in enumerate(measured, first_step):
            update = Update(
                loss,
                gradient_norm,
                parameter_norm,
                clip_fraction(gradient_norm, limit),
                peak_rate * learning_rate_factor(trial.spec.training, step),
            )
            if not all(map(math.isfinite, update)):
                advance.diverged_at = step + 1
                return
            trial.train_losses.append(loss)
            advance.updates.append(update)
