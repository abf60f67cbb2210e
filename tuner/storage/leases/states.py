"""The states of a leased trial's lease."""

from enum import StrEnum
from typing import Final


class LeaseState(StrEnum):
    OFFERED = "offered"  # started by the engine; nobody has taken it
    LEASED = "leased"  # somebody trains it until it expires
    FINISHED = "finished"  # reported to its goal, diverged or given up; the engine has to tell
    CLOSED = "closed"  # told, and stored
    LOST = "lost"  # expired
    CANCELLED = "cancelled"  # its order was closed


LIVE: Final = (LeaseState.OFFERED, LeaseState.LEASED, LeaseState.FINISHED)
"""States in which the engine has its order."""
