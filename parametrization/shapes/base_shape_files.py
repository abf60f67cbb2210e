"""Files of base shapes, in the form that `mup` introduced (.bsh).

YAML that gives every parameter's dimensions by its name: the base size of one that grows with
width, and null for one that does not.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import yaml

Dimensions: TypeAlias = Mapping[str, tuple[int | None, ...]]
"""By parameter name, the base size of every dimension that grows with width, None for others."""

_HEADING = """\
# Base shapes: of every parameter's dimensions the size at the base width where it grows with width,
# and null where it does not.
"""


def growing_dimensions(
    base: Mapping[str, tuple[int, ...]], delta: Mapping[str, tuple[int, ...]]
) -> dict[str, tuple[int | None, ...]]:
    """A dimension grows with width if models of two widths differ in it.

    Args:
        base: shapes by parameter name at the base width.
        delta: of the same parameters, with as many dimensions each, at another width.

    >>> growing_dimensions({"out": (10, 64)}, {"out": (10, 96)})
    {'out': (None, 64)}

    """
    return {
        name: tuple(
            None if size == other else size for size, other in zip(sizes, delta[name], strict=True)
        )
        for name, sizes in base.items()
    }


def write_dimensions(dimensions: Dimensions, path: Path) -> None:
    """Store base shapes, for `read_dimensions` and `mup.set_base_shapes`."""
    stored = {name: list(sizes) for name, sizes in dimensions.items()}
    path.write_text(_HEADING + yaml.safe_dump(stored, indent=4), encoding="utf-8")


def read_dimensions(path: Path) -> dict[str, tuple[int | None, ...]]:
    """Base shapes from a file of any writer of this form.

    Raises:
        ValueError: if the file holds something else, naming where.
        OSError: if it cannot be read.

    """
    try:
        stored = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ValueError(f"{path.name} is no YAML: {error}") from error
    if not isinstance(stored, dict):
        raise ValueError(f"{path.name} holds no base shapes: it is a {type(stored).__name__}")
    for name, sizes in stored.items():
        if (
            not isinstance(name, str)
            or not isinstance(sizes, list)
            or not all(map(_is_size, sizes))
        ):
            raise ValueError(
                f"{path.name} holds no base shapes: {name!r} is {sizes!r:.60}, and must be a list"
                " of positive whole numbers and nulls"
            )
    return {name: tuple(sizes) for name, sizes in stored.items()}


def _is_size(size: object) -> bool:
    return size is None or (type(size) is int and size > 0)
