"""Read from `faulthandler`'s dump where a worker's main thread stands."""

import re
import time
from collections.abc import Callable
from typing import Final

_FRAME: Final = re.compile(r'  File "(?P<path>[^"]*)", line (?P<line>\d+) in (?P<function>.*)')
_OURS: Final = re.compile(r"/(workers|tuner|parametrization|widthwise)/[^\"]*\.py$")
_LIBRARIES: Final = ("/site-packages/", "/lib/python", "<frozen")


_OUTERMOST: Final = ("in <module>\n", "in _run_module_as_main\n")
"""A main thread's outermost frame, of a file and of `python -m`: its dump ends there."""
_POLL_SECONDS: Final = 0.05


def awaited_standing(read: Callable[[], str], timeout_seconds: float) -> str:
    """The line that `standing` reads in a dump that is being written; empty if none comes in time.

    Read once it no longer grows and is whole, as far as one can tell: half a dump ends in a
    library's line, or in another thread, and is left so for long on a busy machine.
    """
    deadline, before = time.monotonic() + timeout_seconds, ""
    while time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
        if (dump := read()).endswith(_OUTERMOST) and dump == before:
            return standing(dump)
        before = dump
    return standing(before)


def standing(dump: str) -> str:
    r"""`; it stands in train.py, line 3, in loss`; empty if the dump has no frame.

    The user's own line is named if there is one, else the innermost.

    >>> standing('Thread 0x1 (most recent call first):\n  File "/a/train.py", line 3 in loss\n')
    '; it stands in train.py, line 3, in loss'

    """
    threads = dump.split("\n\n")
    frames = list(_FRAME.finditer(threads[-1]))  # the main thread comes last
    own = [one for one in frames if not _is_library(one["path"])]
    for one in (own or frames)[:1]:
        name = one["path"].rpartition("/")[2]
        return f"; it stands in {name}, line {one['line']}, in {one['function']}"
    return ""


def _is_library(path: str) -> bool:
    return bool(_OURS.search(path)) or any(part in path for part in _LIBRARIES)
