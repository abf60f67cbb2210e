"""Statistics of a coordinate check that was taken elsewhere, as a JSON document."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from parametrization.check.slopes import TensorStatistic
from parametrization.recommendation.record import Record
from parametrization.rules.policies import Policies
from parametrization.shapes.roles import ModelShape


class CheckStatistics(Record):
    """Everything needed to judge a check: statistics, optimizer, shapes and policies."""

    optimizer: str
    base_shapes: ModelShape
    statistics: tuple[TensorStatistic, ...]
    """Of `coordinate_statistics`, at every width and seed."""
    policies: Policies = Policies()


def read_check_statistics(document: Mapping[str, Any]) -> CheckStatistics:
    """The record that a JSON object holds.

    Raises:
        ValueError: if it holds something else, naming the first field that is wrong.

    """
    try:
        return CheckStatistics.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = "/".join(map(str, first["loc"])) or "document"
        raise ValueError(f"{where}: {first['msg']}") from error
