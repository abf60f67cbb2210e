"""What the coordinator remembers from turn to turn, so that it need not read it again."""

from tuner.records.snapshot import StudyRecord
from tuner.storage.studies import ActiveStudy


class Settled:
    """Studies about which nothing is due before a report arrives or somebody moves them.

    What is due follows from what is stored and the number of slots. Nobody but the coordinator
    writes trials and orders, and whatever else changes a study raises its version: so a study that
    had nothing due need not be read again, which takes milliseconds, four times a second.
    """

    def __init__(self) -> None:
        self._found: dict[tuple[str, int], int] = {}

    def add(self, study: StudyRecord, slots: int) -> None:
        """Nothing was due, a slot being free."""
        self._found[study.id, study.version] = slots

    def has(self, study: ActiveStudy, slots: int) -> bool:
        """Whether nothing can be due."""
        return self._found.get(study) == slots

    def forget(self) -> None:
        """Something was stored."""
        self._found.clear()
