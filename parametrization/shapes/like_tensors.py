"""Like tensors of a model's repeated blocks, summarised under one name with `*`."""

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import NamedTuple

from parametrization.shapes.roles import Role, TensorShape

_INDEX = re.compile(r"(?<=\.)\d+(?=[. ])|^\d+(?=[. ])")


class TensorFamily(NamedTuple):
    """Tensors of one role whose names differ in block numbers only."""

    name: str
    role: Role
    tensors: tuple[TensorShape, ...]


def fits(name: str, pattern: str) -> bool:
    """True if the name fits the pattern, or is it: names of modules may hold brackets.

    >>> fits("blocks.3.up", "blocks.*.up"), fits("heads.age[0].weight", "heads.age[0].weight")
    (True, True)
    """
    return name == pattern or fnmatchcase(name, pattern)


def family_pattern(name: str) -> str:
    """The name with every block number replaced by `*`."""
    return _INDEX.sub("*", name)


def tensor_families(tensors: Iterable[TensorShape]) -> tuple[TensorFamily, ...]:
    """Families in order of their first tensors; a tensor without a like keeps its name."""
    members: dict[tuple[str, Role], list[TensorShape]] = {}
    for tensor in tensors:
        members.setdefault((family_pattern(tensor.name), tensor.role), []).append(tensor)
    return tuple(
        TensorFamily(pattern if len(like) > 1 else like[0].name, role, tuple(like))
        for (pattern, role), like in members.items()
    )
