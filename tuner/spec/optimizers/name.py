"""The name of an optimizer as records hold it: one of those that are declared."""

from typing import Annotated, TypeAlias

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from parametrization.optimizers.registry import OPTIMIZERS


class _Declared:
    """Gives pydantic, and the OpenAPI document, the names that are known when it starts."""

    def __get_pydantic_core_schema__(
        self, _source: object, _handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.literal_schema(list(OPTIMIZERS))


Optimizer: TypeAlias = Annotated[str, _Declared()]
