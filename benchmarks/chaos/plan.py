"""Plan which faults strike, in which order and how long each lasts: a pure function of a seed."""

import random
from collections.abc import Iterator, Sequence
from typing import Final, Literal, NamedTuple

ANYWHERE: Final = (
    "worker killed", "worker frozen", "tuner killed", "tuner frozen", "api killed", "api frozen",
)  # fmt: skip
ON_POSTGRESQL: Final = (
    "postgresql killed", "postgresql frozen", "standby killed", "standby frozen",
)  # fmt: skip
ON_RAY: Final = ("node killed", "node frozen", "head killed")

PAUSE_SECONDS: Final = 1.5
"""Most between a recovery and the next fault."""
GLIMPSE_SECONDS: Final = 3.0
"""A freeze that nobody may notice: the process goes on as if nothing had been."""
ABSENCE_SECONDS: Final = {
    "worker": 10.0,
    "node": 12.0,
    "api": 15.0,
    "tuner": 15.0,
    "standby": 20.0,
    "postgresql": 20.0,
}
"""A freeze that everybody notices, by victim: longer than a slot, Ray, the supervisor or the
database's own timeout waits. Another process takes over, and the frozen one thaws."""


class Fault(NamedTuple):
    """One blow."""

    victim: str
    how: Literal["killed", "frozen"]
    pause_seconds: float
    """Before it, counted from the recovery of the last."""
    lasts_seconds: float
    """0 where the victim is killed."""
    chance: float
    """Uniform in [0, 1): which one, where there are several victims of that name."""

    @property
    def kind(self) -> str:
        """Name under which the fault is counted: `worker killed`."""
        return f"{self.victim} {self.how}"


def kinds_of(engine: str, database: str, *, quick: bool) -> tuple[str, ...]:
    """The kinds of faults that there are with an engine and a database.

    Args:
        engine: `local` or `ray`.
        database: `sqlite`, which allows no standby, or `postgresql`.
        quick: without the head's death, which takes its cluster along: Ray gives a head 10 s.

    """
    kinds = ANYWHERE + (ON_POSTGRESQL if database == "postgresql" else ())
    kinds += ON_RAY if engine == "ray" else ()
    return tuple(kind for kind in kinds if not (quick and kind == "head killed"))


def plan(kinds: Sequence[str], seed: int, *, quick: bool) -> Iterator[Fault]:
    """Faults without end, every kind once before any comes again.

    Args:
        seed: the same one gives the same faults.
        quick: with glimpses alone; else one freeze in two is an absence.

    """
    draw = random.Random(seed)
    while True:
        for kind in draw.sample(kinds, len(kinds)):
            victim, _, how = kind.partition(" ")
            is_long = draw.random() < 0.5 and not quick
            pause, chance = draw.uniform(0, PAUSE_SECONDS), draw.random()
            if how == "frozen":
                lasts = ABSENCE_SECONDS[victim] if is_long else GLIMPSE_SECONDS
                yield Fault(victim, "frozen", pause, lasts, chance)
            else:
                yield Fault(victim, "killed", pause, 0.0, chance)
