"""Names of optimizers and schedules in a document that another installation may have written."""

from collections.abc import Iterable
from typing import Annotated, Any, TypeAlias

from pydantic import GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from parametrization.optimizers.registry import OPTIMIZERS
from parametrization.schedules.registry import SHAPES


class _Declared:
    """Lists names in the JSON schema, and reads others too: a plugin may be installed elsewhere."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = list(names)

    def __get_pydantic_json_schema__(
        self, _schema: CoreSchema, _handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        names: dict[str, Any] = {"enum": self._names, "type": "string"}
        return names


OptimizerName: TypeAlias = Annotated[str, _Declared(OPTIMIZERS)]
ShapeName: TypeAlias = Annotated[str, _Declared(SHAPES)]
