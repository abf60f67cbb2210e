"""Read whole recommendations back, as the widthwise library does."""

from collections.abc import Mapping
from typing import Any

from parametrization.recommendation.document import RecommendationDocument
from parametrization.recommendation.reading import read_recommendation
from tuner.recommendation.exports.protocol.export import Inexpressible, Reading, TensorReading


def nothing_lost(document: RecommendationDocument) -> tuple[Inexpressible, ...]:
    """No numbers: for forms that hold everything."""
    del document
    return ()


def reading_of_document(document: Mapping[str, Any]) -> Reading:
    """Every tensor's numbers by its name."""
    read = read_recommendation(document)
    rows = {name: row for row in read.tensors for name in row.names}
    schedule = read.schedule

    def of(name: str) -> TensorReading:
        row = rows[name]
        return TensorReading(
            row.learning_rate, row.weight_decay, row.epsilon, row.init_std, row.multiplier
        )

    return Reading(
        of, lambda step: schedule.form.factor(step, schedule.steps), read.residual_multiplier
    )
