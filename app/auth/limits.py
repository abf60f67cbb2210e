"""Limit the requests a minute of one sender: a bucket that fills steadily, in this process."""

import math
import time
from typing import Final

_MOST_KEPT: Final = 10_000
"""Buckets that are kept; beyond that, full ones are forgotten."""


class RateLimits:
    """Buckets by name: each holds a minute's requests, and fills as time goes by."""

    def __init__(self) -> None:
        self._buckets: dict[str, tuple[float, float]] = {}  # tokens, and when there were so many

    def retry_seconds(self, name: str, per_minute: int, now: float | None = None) -> int | None:
        """Take one request from a bucket; None if it held one, else the seconds until it does.

        Args:
            name: of the bucket, one for each sender.
            per_minute: requests that it holds, and that flow in each minute.
            now: seconds of a steady clock.

        """
        now = time.monotonic() if now is None else now
        tokens, since = self._buckets.get(name, (float(per_minute), now))
        tokens = min(float(per_minute), tokens + (now - since) * per_minute / 60)
        if tokens < 1:
            return max(1, math.ceil((1 - tokens) * 60 / per_minute))
        if len(self._buckets) >= _MOST_KEPT:
            self._forget(now)
        self._buckets[name] = tokens - 1, now
        return None

    def _forget(self, now: float) -> None:
        """Forget full buckets: those that nothing was taken from for a minute."""
        self._buckets = {
            name: (tokens, since)
            for name, (tokens, since) in self._buckets.items()
            if now - since < 60
        }
