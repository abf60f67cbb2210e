"""Read from `faulthandler`'s dump where a worker's main thread stands."""

import re
from typing import Final

_FRAME: Final = re.compile(r'  File "(?P<path>[^"]*)", line (?P<line>\d+) in (?P<function>.*)')
_OURS: Final = re.compile(r"/(workers|tuner|parametrization|widthwise)/[^\"]*\.py$")
_LIBRARIES: Final = ("/site-packages/", "/lib/python", "<frozen")


def standing(dump: str) -> str:
    r"""`; it stands in train.py, line 3, in loss`; empty if the dump does not tell.

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
