"""Records that a specification chooses by name: a registry, and the field that looks it up."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar, get_args

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from parametrization.plugins import Plugins
from parametrization.recommendation.record import Record

Declared = TypeVar("Declared", bound=Record)

NO_PLUGINS: Final[Plugins[Any]] = Plugins({}, ())


def name_of(record: type[Record]) -> str:
    """The name that a record declares as its field `name: Literal[...]`."""
    (name,) = get_args(record.model_fields["name"].annotation)
    return str(name)


def by_name(records: Iterable[type[Declared]]) -> Mapping[str, type[Declared]]:
    """A registry of these records, in their order.

    Raises:
        ValueError: if two have one name.

    """
    registry: dict[str, type[Declared]] = {}
    for record in records:
        name = name_of(record)
        if name in registry:
            raise ValueError(
                f"{registry[name].__qualname__} and {record.__qualname__} are both called {name!r}:"
                " rename one of them"
            )
        registry[name] = record
    return registry


@dataclass(frozen=True, slots=True)
class OneOf:
    """Annotates a field that holds one record of a registry, looked up by its `name`.

    An unknown name is refused with all known ones, that of a plugin that was left out with its
    reason; the JSON schema lists every record under the discriminator `name`.
    """

    registry: Mapping[str, type[Record]]
    plugins: Plugins[Any] = NO_PLUGINS

    def __get_pydantic_core_schema__(
        self, _source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """A lookup instead of the annotated type, which every record extends."""
        union = core_schema.tagged_union_schema(
            {name: handler.generate_schema(record) for name, record in self.registry.items()},
            discriminator="name",
        )
        if not self.plugins.left_out:
            return union
        return core_schema.no_info_before_validator_function(self._refused_with_the_reason, union)

    def _refused_with_the_reason(self, given: object) -> object:
        name = given.get("name") if isinstance(given, Mapping) else None
        if not isinstance(name, str) or name in self.registry:
            return given
        if words := self.plugins.refusal_of(name):
            raise ValueError(words)
        return given
