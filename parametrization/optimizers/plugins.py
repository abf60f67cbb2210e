"""Find the installed plugins, and say why those that cannot be used are left out.

A plugin that fails must not stop the service: it is left out with its reason, which the log, the
catalogue and the refusal of a study that names it repeat.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Final, NamedTuple

from parametrization.optimizers.declaration import OptimizerDeclaration

GROUP: Final = "widthwise.optimizers"


class Plugin(NamedTuple):
    """An optimizer that can be used, and the package that brings it."""

    declaration: OptimizerDeclaration
    package: str
    """Name and version: `more-optimizers 0.1.0`."""


class LeftOut(NamedTuple):
    """An optimizer that cannot be used."""

    name: str
    package: str
    reason: str


@dataclass(frozen=True, slots=True)
class Plugins:
    """What the entry points of this environment offer; names are unique."""

    usable: Mapping[str, Plugin]
    left_out: tuple[LeftOut, ...]

    def beside(self, built_in: Iterable[str]) -> "Plugins":
        """The same without names that widthwise's own optimizers have."""
        taken = frozenset(built_in)
        return Plugins(
            {name: plugin for name, plugin in self.usable.items() if name not in taken},
            (
                *self.left_out,
                *(
                    LeftOut(name, plugin.package, "widthwise itself has an optimizer of that name")
                    for name, plugin in self.usable.items()
                    if name in taken
                ),
            ),
        )


def find_plugins() -> Plugins:
    """Everything installed in this environment, in the order of names."""
    return judged(entry_points(group=GROUP))


def judged(points: Iterable[EntryPoint]) -> Plugins:
    """The plugins that these entry points name."""
    ordered = sorted(points, key=lambda point: (point.name, _package(point)))
    offering: dict[str, list[str]] = {}
    for point in ordered:
        offering.setdefault(point.name, []).append(_package(point))
    usable: dict[str, Plugin] = {}
    left_out = []
    for point in ordered:
        package, loaded = _package(point), _loaded(point)
        if len(offering[point.name]) > 1:
            loaded = f"{' and '.join(offering[point.name])} offer this name: uninstall all but one"
        if isinstance(loaded, str):
            left_out.append(LeftOut(point.name, package, loaded))
        else:
            usable[point.name] = Plugin(loaded, package)
    return Plugins(usable, tuple(left_out))


def _loaded(point: EntryPoint) -> OptimizerDeclaration | str:
    """The declaration, or why there is none."""
    try:
        found = point.load()
    except Exception as error:  # noqa: BLE001  somebody else's code may raise anything
        return f"importing {point.value} failed: {type(error).__name__}: {error}"
    if not isinstance(found, OptimizerDeclaration):
        return f"{point.value} is a {type(found).__name__}, not an OptimizerDeclaration"
    if found.name != point.name:
        return f"the entry point is called {point.name} and its declaration {found.name}"
    return found


def _package(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown package"
