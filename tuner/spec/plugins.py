"""Records that installed packages declare, beside widthwise's own.

A study keeps package and version of each in the record's field `plugin`.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from pydantic import ConfigDict, Field, create_model

from parametrization.plugins import Group, Plugins
from parametrization.recommendation.record import Record
from tuner.spec.registry import name_of

Declared = TypeVar("Declared", bound=Record)

PLUGIN: Final = "plugin"
"""Field of a plugin's record: its package and version, `more-optimizers 0.1.0`."""
_WORDS: Final = "Package and version that it comes from; filled in, and kept with the study."


def package_field(package: str) -> tuple[type[str], Any]:
    """Definition of the field `plugin` for `create_model`."""
    return str, Field(default=package, description=_WORDS)


def record_group(points: str, word: str, kind: type[Declared]) -> Group[type[Declared]]:
    """A group of entry points that lead to classes which extend `kind`.

    Args:
        points: the group's name in packages' metadata.
        word: one of its plugins, with its article.

    """

    def declaration_in(found: object) -> type[Declared]:
        if not isinstance(found, type):
            raise TypeError(
                f"is a {type(found).__name__}, not a class that extends {kind.__name__}"
            )
        if not issubclass(found, kind):
            raise TypeError(f"does not extend {kind.__name__}")
        if PLUGIN in found.model_fields:
            raise ValueError(f"has a field {PLUGIN}, which is widthwise's own: rename it")
        try:
            name_of(found)
        except (KeyError, ValueError) as error:
            raise ValueError('has no field `name: Literal["..."]`') from error
        return found

    return Group(points, word, declaration_in, name_of)


def with_plugins(
    built_in: Mapping[str, type[Declared]], plugins: Plugins[type[Declared]]
) -> Mapping[str, type[Declared]]:
    """The registry of both; a plugin's record has the field `plugin`, filled in."""
    return {
        **built_in,
        **{name: _packaged(*plugin) for name, plugin in plugins.usable.items()},
    }


class _Made(Record):
    """Has no source to read descriptions from: searching for it would slow the API's start."""

    model_config = ConfigDict(use_attribute_docstrings=False)


_create: Final[Callable[..., Any]] = create_model  # two bases of which one is a type variable


def _packaged(declared: type[Declared], package: str) -> type[Declared]:
    fields: dict[str, Any] = {PLUGIN: package_field(package)}
    made: type[Declared] = _create(
        declared.__name__, __base__=(declared, _Made), __doc__=declared.__doc__, **fields
    )
    return made
