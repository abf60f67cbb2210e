"""Keep what a trial's updates measured, metric by metric."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class Update(NamedTuple):
    """Measurements of one update; the names are those of `Series.metric`."""

    train_loss: float  # before the update, in the units of the family's `objective`
    gradient_norm: float  # of all gradients together, before clipping
    parameter_norm: float  # of all parameters together, after the update
    clip_fraction: float  # share of the gradient's norm that clipping took away, in [0, 1]
    learning_rate: float  # at the base width


@dataclass
class History:
    """Consecutive updates, metric by metric: one list each is what curves are packed from."""

    columns: tuple[list[float], ...] = field(
        default_factory=lambda: tuple([] for _ in Update._fields)
    )
    """In the order of the fields of `Update`."""

    def append(self, update: Update) -> None:
        """Add one."""
        self.extend([value] for value in update)

    def extend(self, columns: Iterable[Sequence[float]]) -> None:
        """Add equally many values of every metric."""
        for own, more in zip(self.columns, columns, strict=True):
            own += more

    def __len__(self) -> int:
        return len(self.columns[0])

    def __iter__(self) -> Iterator[Update]:
        return map(Update, *self.columns)
