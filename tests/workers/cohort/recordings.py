"""A recorder that any device has: it counts what it records and what is released."""

from dataclasses import dataclass, field

from workers.cohort.graphs import Recorder, Recording, Work


@dataclass
class Counting:
    """Records by keeping the work, and does it again at every replay."""

    fails_with: str | None = None
    recorded: int = 0
    released: int = 0
    replays: list[int] = field(default_factory=list)
    """By recording, how often it was replayed."""

    @property
    def recorder(self) -> Recorder:
        return Recorder(self._record, self._beside)

    def _record(self, work: Work) -> Recording:
        if self.fails_with is not None:
            raise RuntimeError(self.fails_with)
        number, self.recorded = self.recorded, self.recorded + 1
        self.replays.append(0)

        def replay() -> object:
            self.replays[number] += 1
            return work()

        return Recording(replay, self._release)

    def _release(self) -> None:
        self.released += 1

    def _beside(self, work: Work) -> object:
        return work()
