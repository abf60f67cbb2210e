"""Give a cohort the batches of its steps: made by the host, or as rows of data on the device.

Shape suffixes: K trials of the cohort, B examples of a batch.
"""

from collections import deque
from collections.abc import Sequence

import torch
from torch import Tensor

from workers.datasets.data import Batch, stacked
from workers.training.resident import Resident, resident_on, rows_of
from workers.training.trial import RunningTrial


class HostBatches:
    """Made and brought to the device step by step."""

    gathered = None

    def __init__(self, trials: Sequence[RunningTrial]) -> None:
        self._trials = trials
        self._one_seed = len({trial.spec.seed for trial in trials}) == 1

    def prepare(self, steps: Sequence[int], count: int) -> None:
        """Nothing is made before its step."""

    def of_step(self, steps: Sequence[int]) -> tuple[Batch, bool]:
        """The batch of this step, and whether all trials share it.

        Args:
            steps: updates that each trial has done.

        """
        if self._one_seed and len(set(steps)) == 1:
            return self._trials[0].batch(steps[0]), True
        pairs = zip(self._trials, steps, strict=True)
        return stacked([trial.batch(step) for trial, step in pairs]), False


class ResidentBatches:
    """Rows of data on the device, whose numbers come many steps at once."""

    def __init__(self, trials: Sequence[RunningTrial], resident: Resident) -> None:
        self._trials, self._resident = trials, resident
        self._one_seed = len({trial.spec.seed for trial in trials}) == 1
        self._coming: deque[Tensor] = deque()
        self.gathered = resident.gathered

    def prepare(self, steps: Sequence[int], count: int) -> None:
        """Bring the numbers of so many steps to the device in one copy.

        Raises:
            Changed: if the data are in files whose contents have changed.

        """
        rows_of(self._trials[0].data)
        drawn = [self._drawn([step + after for step in steps]) for after in range(count)]
        flat = torch.cat([one.flatten() for one in drawn]).to(self._resident.whole[0].device)
        parts = torch.split(flat, [one.numel() for one in drawn])
        self._coming = deque(part.view(one.shape) for part, one in zip(parts, drawn, strict=True))

    def of_step(self, steps: Sequence[int]) -> tuple[Tensor, bool]:
        """Numbers of this step's rows, [B] where all trials share them and else [K, B]."""
        drawn = self._coming.popleft()
        return drawn, drawn.dim() == 1

    def _drawn(self, steps: Sequence[int]) -> Tensor:
        if self._one_seed and len(set(steps)) == 1:
            return self._of(self._trials[0], steps[0])
        made: dict[tuple[int, int], Tensor] = {}
        keys = [(trial.spec.seed, step) for trial, step in zip(self._trials, steps, strict=True)]
        for trial, key in zip(self._trials, keys, strict=True):
            if key not in made:
                made[key] = self._of(trial, key[1])
        return torch.stack([made[key] for key in keys])

    def _of(self, trial: RunningTrial, step: int) -> Tensor:
        size = trial.spec.training.batch_size_at(step)
        return self._resident.data.drawn(trial.spec.seed, step, size)


def batches_of(trials: Sequence[RunningTrial]) -> HostBatches | ResidentBatches:
    """Batches of data that lie on the trials' device."""
    resident = resident_on(trials[0].data, trials[0].device)
    return HostBatches(trials) if resident is None else ResidentBatches(trials, resident)
