"""Find what installed packages offer under a group of entry points, and say what is left out.

A plugin that fails must not stop the service: it is left out with its reason, which the log, the
catalogue and the refusal of a study that names it repeat.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, NamedTuple, TypeVar

Declared = TypeVar("Declared")


class Group(NamedTuple, Generic[Declared]):
    """The purpose of one group of entry points."""

    points: str
    """Its name in packages' metadata: `widthwise.optimizers`."""
    word: str
    """One of its plugins, with its article: `an optimizer`."""
    declaration_in: Callable[[object], Declared]
    """The declaration that an entry point led to; TypeError or ValueError where it is none."""
    name_of: Callable[[Declared], str]
    """The name that studies use: the entry point has the same."""


class Plugin(NamedTuple, Generic[Declared]):
    """Something that can be used, and the package that brings it."""

    declaration: Declared
    package: str
    """Name and version: `more-optimizers 0.1.0`."""


class LeftOut(NamedTuple):
    """Something that cannot be used."""

    name: str
    package: str
    reason: str


@dataclass(frozen=True, slots=True)
class Plugins(Generic[Declared]):
    """The declarations from the entry points of this environment; names are unique."""

    usable: Mapping[str, Plugin[Declared]]
    left_out: tuple[LeftOut, ...]

    def beside(self, built_in: Iterable[str], word: str) -> "Plugins[Declared]":
        """The same without the names that widthwise itself uses, for `word`s such as theirs."""
        taken = frozenset(built_in)
        return Plugins(
            {name: plugin for name, plugin in self.usable.items() if name not in taken},
            (
                *self.left_out,
                *(
                    LeftOut(name, plugin.package, f"widthwise itself has {word} of that name")
                    for name, plugin in self.usable.items()
                    if name in taken
                ),
            ),
        )

    def package_of(self, name: str) -> str | None:
        """The package that brings `name`; None if it is no plugin's."""
        return self.usable[name].package if name in self.usable else None

    def refusal_of(self, name: str) -> str | None:
        """The reason why the entry point `name` was left out; None if it was not."""
        for one in self.left_out:
            if one.name == name:
                return f"{name} of {one.package} cannot be used: {one.reason}"
        return None


def find_plugins(group: Group[Declared], built_in: Iterable[str]) -> Plugins[Declared]:
    """Everything that is installed in this environment, in the order of names."""
    return judged(group, entry_points(group=group.points)).beside(built_in, group.word)


def judged(group: Group[Declared], points: Iterable[EntryPoint]) -> Plugins[Declared]:
    """The plugins that these entry points name."""
    ordered = sorted(points, key=lambda point: (point.name, _package(point)))
    offering: dict[str, list[str]] = {}
    for point in ordered:
        offering.setdefault(point.name, []).append(_package(point))
    usable: dict[str, Plugin[Declared]] = {}
    left_out = []
    for point in ordered:
        package = _package(point)
        try:
            if len(offering[point.name]) > 1:
                both = " and ".join(offering[point.name])
                raise ValueError(f"{both} offer this name: uninstall all but one")
            usable[point.name] = Plugin(_declaration(group, point), package)
        except (TypeError, ValueError) as error:
            left_out.append(LeftOut(point.name, package, str(error)))
    return Plugins(usable, tuple(left_out))


def _declaration(group: Group[Declared], point: EntryPoint) -> Declared:
    """The object of the entry point.

    Raises:
        TypeError, ValueError: if it is no declaration of the group, or cannot be imported.

    """
    try:
        found = point.load()
    except Exception as error:  # somebody else's code may raise anything
        reason = f"importing {point.value} failed: {type(error).__name__}: {error}"
        raise ValueError(reason) from error
    try:
        declaration = group.declaration_in(found)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{point.value} {error}") from error
    name = group.name_of(declaration)
    if name != point.name:
        raise ValueError(f"the entry point is called {point.name} and its declaration {name}")
    return declaration


def _package(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown package"
