"""Remember which studies only wait, so that the coordinator need not read them every turn."""

from tuner.engine.packing import Capacity
from tuner.records.snapshot import ActiveStudy, StudyRecord


class Settled:
    """Studies about which nothing is due before a report arrives or somebody moves them.

    What is due follows from what is stored and from the engine's capacity. Nobody but the
    coordinator writes trials and orders, and whatever else changes a study raises its version: so
    a study that had nothing due need not be read again, which takes milliseconds, four times a
    second.
    """

    def __init__(self) -> None:
        self._found: dict[tuple[str, int], Capacity] = {}

    def add(self, study: StudyRecord, capacity: Capacity) -> None:
        """Note that all orders it could start have been started, and nothing else was due."""
        self._found[study.id, study.version] = capacity

    def has(self, study: ActiveStudy, capacity: Capacity) -> bool:
        """Whether nothing can be due."""
        return self._found.get((study.id, study.version)) == capacity

    def forget(self) -> None:
        """Forget all of them, because something was stored."""
        self._found.clear()
