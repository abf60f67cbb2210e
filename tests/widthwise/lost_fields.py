"""Compare the fields of two JSON documents."""

from typing import Any


def lost(older: Any, now: Any) -> set[str]:  # noqa: ANN401  JSON
    """Names of fields, however deep, that a newer document of the same study does not have."""
    if isinstance(older, list):
        return set().union(*map(lost, older, now))
    if not isinstance(older, dict) or not isinstance(now, dict):
        return set()
    kept = older.keys() & now.keys()
    return (older.keys() - kept).union(*(lost(older[name], now[name]) for name in kept))
