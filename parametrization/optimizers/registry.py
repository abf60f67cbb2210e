"""Every declared optimizer by the name that studies and checkpoints use.

Built-in ones are found in the modules of `built_in`, others in installed packages.
"""

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import Final

from parametrization.optimizers import built_in
from parametrization.optimizers.declaration import OptimizerDeclaration
from parametrization.plugins import Group, Plugins, find_plugins


def _built_in() -> dict[str, OptimizerDeclaration]:
    """Declarations of every module of `built_in`, in the order of their positions."""
    names = [f"{built_in.__name__}.{found.name}" for found in iter_modules(built_in.__path__)]
    found = [
        value
        for name in names
        for value in vars(import_module(name)).values()
        if isinstance(value, OptimizerDeclaration)
    ]
    return {one.name: one for one in sorted(found, key=lambda one: one.position)}


def _declaration_in(found: object) -> OptimizerDeclaration:
    """The declaration that an entry point led to."""
    if not isinstance(found, OptimizerDeclaration):
        raise TypeError(f"is a {type(found).__name__}, not an OptimizerDeclaration")
    return found


GROUP: Final = Group(
    "widthwise.optimizers", "an optimizer", _declaration_in, lambda declaration: declaration.name
)
BUILT_IN: Final[Mapping[str, OptimizerDeclaration]] = _built_in()
PLUGINS: Final[Plugins[OptimizerDeclaration]] = find_plugins(GROUP, BUILT_IN)
"""Optimizers of installed packages, and those that had to be left out."""
OPTIMIZERS: Final[Mapping[str, OptimizerDeclaration]] = {
    **BUILT_IN,
    **{name: plugin.declaration for name, plugin in PLUGINS.usable.items()},
}
"""Those of packages last."""
STUDIED: Final[Mapping[str, OptimizerDeclaration]] = {
    name: declaration for name, declaration in OPTIMIZERS.items() if declaration.not_studied is None
}
"""Those that a study can name, in the order of the catalogue."""


def declared(name: str) -> OptimizerDeclaration:
    """The optimizer called `name`.

    Raises:
        ValueError: if there is none, with the names that there are.

    """
    if name not in OPTIMIZERS:
        raise ValueError(f"there is no optimizer {name!r}; known are {', '.join(OPTIMIZERS)}")
    return OPTIMIZERS[name]
