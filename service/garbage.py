"""Keep what a process has loaded out of its collections of garbage."""

import gc
from typing import Final

YOUNG: Final = 10_000
"""Objects that are made between two collections of the youngest: those of the requests that are
under way, which the default of 700 looks through again and again."""


def keep_loaded() -> None:
    """Take everything that is there for what stays: collections look at what comes later alone.

    Routes, schemas and tables are half a million objects. Looking through them holds all answers
    up for more than a tenth of a second, and does so every second while trainers report.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG)
