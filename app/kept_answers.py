"""Keep answers about studies that have ended, in the form that they were given in.

Every rank of a large run may ask for the same recommendation; making it takes tens of milliseconds.
"""

import copy
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final

from fastapi import Response

MOST_BYTES: Final = 64_000_000
"""Bytes of all bodies together; those that were not asked for longest go first."""


class KeptAnswers:
    """Answers by the inputs that determine them; for the threads of all requests.

    Args:
        most_bytes: of all that are kept.

    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, Response] = OrderedDict()

    def answer(self, key: Hashable, make: Callable[[], Response]) -> Response:
        """The answer that is kept, or one that is made now.

        Args:
            key: everything that determines the answer.
            make: what it raises is not kept.

        """
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None:
                self._kept.move_to_end(key)
                return _copy(kept)
        made = make()
        with self._lock:
            if key not in self._kept:
                self._kept[key] = _copy(made)
                self._bytes += len(made.body)
            while self._bytes > self._most_bytes:
                _, dropped = self._kept.popitem(last=False)
                self._bytes -= len(dropped.body)
        return made


def _copy(answer: Response) -> Response:
    """A copy whose headers can be added to: the middleware adds them in place."""
    copied = copy.copy(answer)
    copied.raw_headers = list(answer.raw_headers)
    return copied
