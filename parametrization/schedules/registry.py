"""Every shape of a schedule by the name that studies use.

Built-in ones stand in `built_in.py`, others in installed packages.
"""

from collections.abc import Mapping
from typing import Any, Final

from parametrization.plugins import Group, Plugins, find_plugins
from parametrization.schedules.built_in import BUILT_IN_SHAPES
from parametrization.schedules.declaration import ShapeDeclaration


def _declaration_in(found: object) -> ShapeDeclaration:
    """The declaration that an entry point led to."""
    if not isinstance(found, ShapeDeclaration):
        raise TypeError(f"is a {type(found).__name__}, not a ShapeDeclaration")
    return found


GROUP: Final = Group("widthwise.schedules", "a schedule", _declaration_in, lambda one: one.name)
BUILT_IN: Final[Mapping[str, ShapeDeclaration]] = {one.name: one for one in BUILT_IN_SHAPES}
PLUGINS: Final[Plugins[ShapeDeclaration]] = find_plugins(GROUP, BUILT_IN)
"""Shapes of installed packages, and those that had to be left out."""
SHAPES: Final[Mapping[str, ShapeDeclaration]] = {
    **BUILT_IN,
    **{name: plugin.declaration for name, plugin in PLUGINS.usable.items()},
}
"""Those of packages last."""


def declared_shape(name: str) -> ShapeDeclaration:
    """The shape called `name`.

    Raises:
        ValueError: if there is none, with the names that there are.

    """
    if name not in SHAPES:
        why = PLUGINS.refusal_of(name) or f"known are {', '.join(SHAPES)}"
        raise ValueError(f"there is no schedule {name!r}: {why}")
    return SHAPES[name]


class DeclaredShape:
    """Gives pydantic the names that are known when it starts.

    It does not import pydantic, which the library can do without.
    """

    def __get_pydantic_core_schema__(self, _source: object, _handler: object) -> dict[str, Any]:
        return {"type": "literal", "expected": list(SHAPES)}
