"""The name of a schedule's shape in a document that another installation may have written."""

from typing import Annotated, Any, TypeAlias

from pydantic import GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from parametrization.schedules.registry import SHAPES


class _Declared:
    """Lists the names that are declared here, and reads others too: a plugin may be elsewhere."""

    def __get_pydantic_json_schema__(
        self, _schema: CoreSchema, _handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        names: dict[str, Any] = {"enum": list(SHAPES), "type": "string"}
        return names


ShapeName: TypeAlias = Annotated[str, _Declared()]
