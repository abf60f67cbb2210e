"""Choose a framework's parameters by patterns of their names.

A pattern of the recommendation has `*` for block numbers. Where two rows share one, like names of
unlike shapes, each of their tensors is named by itself.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from parametrization.recommendation.values import TensorValues


def by_pattern(tensors: Iterable[TensorValues]) -> tuple[TensorValues, ...]:
    """The same rows, each with a pattern that is its own."""
    rows = tuple(tensors)
    everyone = [name for row in rows for name in row.names]
    return tuple(
        part
        for row in rows
        for part in ([row] if _is_own(row, rows, everyone) else _one_by_one(row))
    )


def as_regex(pattern: str) -> str:
    r"""The pattern as a regular expression of a whole name.

    >>> as_regex("blocks.*.out")
    '^blocks\\.\\d+\\.out$'
    """
    return "^" + re.escape(pattern).replace(r"\*", r"\d+") + "$"


def as_globs(row: TensorValues, everyone: Sequence[str]) -> list[str]:
    """The pattern as a shell glob; every name by itself where the glob would catch others."""
    caught = {name for name in everyone if fnmatchcase(name, row.pattern)}
    return [row.pattern] if caught == set(row.names) else list(row.names)


def _is_own(row: TensorValues, rows: tuple[TensorValues, ...], everyone: list[str]) -> bool:
    shared = Counter(other.pattern for other in rows)[row.pattern] > 1
    expression = re.compile(as_regex(row.pattern))
    return not shared and {n for n in everyone if expression.match(n)} == set(row.names)


def _one_by_one(row: TensorValues) -> Iterable[TensorValues]:
    return (row.model_copy(update={"pattern": name, "names": (name,)}) for name in row.names)
