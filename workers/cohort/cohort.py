"""Trials of one shape that take every step together, each as if it were alone.

Shape suffix: K trials of the cohort, M measures, S steps.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import torch
from torch import Tensor

from tuner.spec.study_fields import Training
from workers.cohort.batches import batches_of
from workers.cohort.programs import Programs
from workers.cohort.step import CohortStep
from workers.device.heartbeat import alive
from workers.training.history import History
from workers.training.trial import RunningTrial

BLOCK_STEPS: Final = 128
"""Steps between two looks at what was measured: on a GPU each look waits for it."""
_AUTOCAST: Final = {"fp32": None, "bf16": torch.bfloat16}


@dataclass
class Advance:
    """Progress of one trial of a cohort."""

    updates: History = field(default_factory=History)
    diverged_at: int | None = None
    """The step that left the finite numbers; `updates` ends before it."""


class Cohort:
    """Opened on trials whose tensors it stacks; they hold slices from here on.

    Args:
        trials: of one model, optimizer, precision and batch size; everything else may differ.
            Their steps and seeds may too, at the price of a batch of its own for every trial.
        programs: traced or compiled before, to be used again.
        compiled: compile the gradients, which takes half a minute, once a shape.
        compiled_update: compile what follows them, on a GPU: ten seconds, once a shape and machine.

    """

    def __init__(
        self,
        trials: Sequence[RunningTrial],
        programs: Programs,
        *,
        compiled: bool = False,
        compiled_update: bool = False,
    ) -> None:
        self.trials = tuple(trials)
        self.compiled = compiled
        self.advances = tuple(Advance() for _ in trials)
        self._batches = batches_of(self.trials)
        self._step_of_all = CohortStep(
            trials,
            programs,
            gathered=self._batches.gathered,
            compiled=compiled,
            compiled_update=compiled_update,
            autocast=_AUTOCAST[trials[0].spec.training.precision],
        )
        same: dict[Training, Training] = {}
        self._trainings = [
            same.setdefault(trial.spec.training, trial.spec.training) for trial in trials
        ]
        """Equal ones are one object."""
        self._steps = [trial.step for trial in trials]
        self._clips = any(trial.spec.training.clips for trial in trials)
        self._measured: list[Tensor] = []
        self._factors: list[list[float]] = []
        """On the peak rates, of the steps that were measured."""
        self._coming: deque[tuple[list[float], Tensor]] = deque()
        """The same of steps to come, on the host and on the device."""

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
                    if taken % BLOCK_STEPS == 0:
                        self._prepare(min(BLOCK_STEPS, steps - taken))
                    self._step()
        finally:
            self._look()

    def stands_with(self, trials: Sequence[RunningTrial]) -> bool:
        """True if it holds these trials, in this order, and none has trained elsewhere since."""
        return len(trials) == len(self.trials) and all(
            own is one and one.step == step
            for own, one, step in zip(self.trials, trials, self._steps, strict=True)
        )

    def start_segment(self) -> None:
        """Write down what follows anew: what came before has been read."""
        self.advances = tuple(Advance() for _ in self.trials)

    def close(self) -> None:
        """Free what was recorded on a GPU; the trials go on by themselves or in another cohort."""
        self._step_of_all.close()

    def _prepare(self, steps: int) -> None:
        """Bring to the device what so many steps need: it would be waited for at each copy."""
        self._batches.prepare(self._steps, steps)
        factors = [self._schedule_factors(after) for after in range(steps)]
        factors_SK = torch.tensor(factors, dtype=torch.float64).to(self.trials[0].device)
        self._coming = deque(zip(factors, factors_SK.unbind(0), strict=True))

    def _step(self) -> None:
        alive()
        factors, factors_K = self._coming.popleft()
        batch, shared = self._batches.of_step(self._steps)
        self._measured.append(self._step_of_all.take(batch, factors_K, shared_batch=shared))
        self._factors.append(factors)
        for trial, step in zip(self.trials, self._steps, strict=True):
            trial.follow(step)
        self._steps = [step + 1 for step in self._steps]

    def _schedule_factors(self, after: int) -> list[float]:
        """Schedule factor of every trial, `after` steps from now.

        Those that stand at one step of one schedule share the arithmetic.
        """
        made: dict[int, float] = {}
        factors, before = [], None
        for training, now in zip(self._trainings, self._steps, strict=True):
            step = now + after
            if training is not before:
                before, made = training, {}
            if step not in made:
                made[step] = training.schedule.factor(step, training.steps)
            factors.append(made[step])
        return factors

    def _look(self) -> None:
        """Write what was measured into the trials' histories, up to where each diverged."""
        if not self._measured:
            return
        measured_KMS = torch.stack(self._measured, dim=-1).movedim(1, 0)
        finite_KS = torch.isfinite(measured_KMS).all(1)
        lasting_K = finite_KS.long().cumprod(-1).sum(-1).tolist()
        factors_KS = zip(*self._factors, strict=True)
        measured = zip(measured_KMS.tolist(), factors_KS, lasting_K, strict=True)
        for number, (columns, factors, lasting) in enumerate(measured):
            if self.advances[number].diverged_at is None:
                self._record(number, columns, factors, lasting)
        self._measured, self._factors = [], []

    def _record(
        self, number: int, columns: Sequence[list[float]], factors: Sequence[float], lasting: int
    ) -> None:
        trial, advance = self.trials[number], self.advances[number]
        losses, gradient_norms, parameter_norms, kept = (column[:lasting] for column in columns)
        peak_rate = trial.spec.hyperparameters["learning_rate"]
        clipped = [1 - share for share in kept] if self._clips else [0.0] * lasting
        trial.train_losses += losses
        rates = [peak_rate * factor for factor in factors[:lasting]]
        advance.updates.extend([losses, gradient_norms, parameter_norms, clipped, rates])
        if lasting < len(factors):
            advance.diverged_at = trial.step + 1
