"""The name of an optimizer in a document that another installation may have written."""

from typing import Annotated, Any, TypeAlias

from pydantic import GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from parametrization.optimizers.registry import OPTIMIZERS


class _Declared:
    """Lists the names that are declared here, and reads others too: a plugin may be elsewhere."""

    def __get_pydantic_json_schema__(
        self, _schema: CoreSchema, _handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        names: dict[str, Any] = {"enum": list(OPTIMIZERS), "type": "string"}
        return names


OptimizerName: TypeAlias = Annotated[str, _Declared()]
