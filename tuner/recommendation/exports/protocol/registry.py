"""Every export by the name that `format=` gives it, found in the modules beside this folder."""

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import Final

from tuner.recommendation import exports
from tuner.recommendation.exports.protocol.export import Export


def _found() -> dict[str, Export]:
    modules = sorted(f"{exports.__name__}.{at.name}" for at in iter_modules(exports.__path__))
    declared = [
        value
        for name in modules
        for value in vars(import_module(name)).values()
        if isinstance(value, Export)
    ]
    return {export.name: export for export in declared}


EXPORTS: Final[Mapping[str, Export]] = _found()
"""By name, in the order of their modules' names."""
_BY_ANY_NAME: Final[Mapping[str, Export]] = {
    name: export for export in EXPORTS.values() for name in (export.name, *export.aliases)
}
NAMES: Final = tuple(sorted(_BY_ANY_NAME))
"""All that `format=` takes."""


def export_named(name: str) -> Export:
    """The export of that name or alias.

    Raises:
        LookupError: if there is none, with the names that there are.

    """
    if name not in _BY_ANY_NAME:
        raise LookupError(f"there is no format {name!r}: use one of {', '.join(NAMES)}")
    return _BY_ANY_NAME[name]
