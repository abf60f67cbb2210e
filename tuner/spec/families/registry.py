"""Every model family that a study can name: records of their own, and own tasks by their names."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeAlias

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from parametrization.optimizers.refused import refusal_of
from parametrization.plugins import find_plugins
from parametrization.recommendation.record import Record
from tuner.spec.families.dit import Dit
from tuner.spec.families.external import External
from tuner.spec.families.gan import Gan
from tuner.spec.families.gpt import Gpt
from tuner.spec.families.mlp import Mlp
from tuner.spec.families.model_family import ModelFamily
from tuner.spec.families.own_task import OwnTask
from tuner.spec.families.packaged_tasks import GROUP, registration_of
from tuner.spec.families.registered_tasks import REGISTERED
from tuner.spec.families.resnet import Resnet
from tuner.spec.families.unet import Unet
from tuner.spec.families.vit import Vit
from tuner.spec.registry import by_name
from tuner.spec.submitted import is_stored

FAMILIES: Final[Mapping[str, type[ModelFamily]]] = by_name(
    (Mlp, Gpt, Resnet, Vit, Unet, Dit, Gan, External)
)
"""By name, in the order of the catalogue."""

PLUGINS: Final = find_plugins(GROUP, FAMILIES)
"""Own tasks of installed packages, and those that had to be left out."""
REGISTERED.add_packaged({name: registration_of(one) for name, one in PLUGINS.usable.items()})
_OWN: Final = "own task"
"""Tag of every family that has no record of its own."""


@dataclass(frozen=True, slots=True)
class _OneOfTheFamilies:
    """Looks a family up by its `name`, as `tuner.spec.registry.OneOf` does.

    Own tasks come and go while a process runs: the JSON schema lists the other families alone.
    """

    def __get_pydantic_core_schema__(
        self, _source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        records: dict[str, type[Record]] = {**FAMILIES, _OWN: OwnTask}
        union = core_schema.tagged_union_schema(
            {name: handler.generate_schema(record) for name, record in records.items()},
            discriminator=_tag,
        )
        return core_schema.with_info_before_validator_function(_with_a_known_name, union)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        assert schema["type"] == "function-before", "as made above"
        union = schema["schema"]
        assert union["type"] == "tagged-union", "as made above"
        named = {name: one for name, one in union["choices"].items() if name != _OWN}
        return handler(core_schema.tagged_union_schema(named, discriminator="name"))


def _tag(given: Any) -> str:  # noqa: ANN401  a document or a record
    name = given.get("name") if isinstance(given, Mapping) else getattr(given, "name", None)
    known = isinstance(name, str) and name in FAMILIES
    return _OWN if isinstance(given, OwnTask) or not known else str(name)


def _with_a_known_name(given: object, info: ValidationInfo) -> object:
    """Refuse an unknown name, with the known ones.

    A stored own task is read even if it is not registered any more: it holds its own facts.
    """
    if not isinstance(given, Mapping) or (is_stored(info) and "source" in given):
        return given
    where: dict[str, Any] = {"discriminator": "'name'"}
    if "name" not in given:
        raise PydanticCustomError("union_tag_not_found", "name is missing", where)
    name = given["name"]
    known = isinstance(name, str) and name in FAMILIES
    if known or REGISTERED.find(name) is not None:
        return given
    if words := PLUGINS.refusal_of(name) or _refusal_of(name):
        raise ValueError(words)
    names = ", ".join(f"'{one}'" for one in (*FAMILIES, *REGISTERED.names()))
    words = "{tag} is none of {expected_tags}"
    context = where | {"tag": str(name), "expected_tags": names}
    raise PydanticCustomError("union_tag_invalid", words, context)


def _refusal_of(name: object) -> str | None:
    """The reason that a known name is no family here; None for any other name."""
    if isinstance(name, str) and (words := refusal_of(name)):
        return words
    for left_out in REGISTERED.left_out:
        if left_out.name == name:
            return f"the task {name} cannot be used: {left_out.reason}"
    return None


AnyFamily: TypeAlias = Annotated[ModelFamily, _OneOfTheFamilies()]
"""Any family of the registry, or an own task, as a specification gives it."""


def names_external_family(spec: object) -> bool:
    """True if a stored specification names a family that no worker can build.

    >>> names_external_family({"family": {"name": "external"}})
    True
    """
    match spec:
        case {"family": {"name": str(name)}}:
            return name in FAMILIES and FAMILIES[name].is_external
    return False
