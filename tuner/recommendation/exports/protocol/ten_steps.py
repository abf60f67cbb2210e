"""Compare the numbers read back from an export with those recommended."""

import math
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from parametrization.recommendation.document import RecommendationDocument
from parametrization.recommendation.values import ScheduleValues, TensorValues
from tuner.recommendation.exports.protocol.export import (
    Export,
    Files,
    Inexpressible,
    Numbers,
    Reading,
    Render,
    TensorReading,
    own_numbers,
)
from tuner.recommendation.exports.protocol.plain_forward import lost_in_the_loop

NUMBERS: Final = ("learning_rate", "weight_decay", "epsilon", "init_std", "multiplier")
TOLERANCE: Final = 1e-9
"""Relative; files carry every digit."""


class Difference(NamedTuple):
    """One number that was read back.

    Attributes:
        tensor: by the framework's name; empty for the schedule.
        relative: over the recommended number, or over the peak for a schedule.

    """

    number: str
    tensor: str
    recommended: float
    read: float
    relative: float


def ten_steps(schedule: ScheduleValues) -> list[int]:
    """Updates from the first to the last, ten of them where there are as many.

    >>> from parametrization.scaling.schedule import ScheduleShape
    >>> ten_steps(ScheduleValues.model_construct(steps=100))
    [0, 11, 22, 33, 44, 55, 66, 77, 88, 99]
    """
    count = min(10, schedule.steps)
    return sorted({i * (schedule.steps - 1) // max(1, count - 1) for i in range(count)})


def differences(
    tensors: tuple[TensorValues, ...], schedule: ScheduleValues, reading: Reading
) -> Iterator[Difference]:
    """Every number that the files hold, beside the recommended one."""
    for row in tensors:
        for name in row.names:
            yield from _of_tensor(name, row, reading.of(name))
    if reading.factor is not None:
        for step in ten_steps(schedule):
            wanted, got = schedule.form.factor(step, schedule.steps), reading.factor(step)
            yield Difference("schedule", "", wanted, got, abs(got - wanted))


def round_trip(export: Export, document: RecommendationDocument) -> list[Difference]:
    """Render, read back by the documented formula, compare.

    Raises:
        Refused: as `render`.

    """
    reading = export.read(export.render(document))
    return list(differences(export.numbers(document), document.schedule, reading))


def lost(
    tensors: tuple[TensorValues, ...], document: RecommendationDocument, reading: Reading
) -> tuple[Inexpressible, ...]:
    """Work left to the training loop, and numbers that come back otherwise, the worst of each."""
    worst: dict[str, Difference] = {}
    for one in differences(tensors, document.schedule, reading):
        if one.relative > TOLERANCE and one.relative > _relative(worst.get(one.number)):
            worst[one.number] = one
    return *lost_in_the_loop(document), *(_in_words(one) for one in worst.values())


def found_by_round_trip(
    left_out: Callable[[RecommendationDocument], tuple[Inexpressible, ...]],
    render: Render,
    read: Callable[[Files], Reading],
    numbers: Numbers = own_numbers,
) -> Callable[[RecommendationDocument], tuple[Inexpressible, ...]]:
    """The `inexpressible` of a form whose files are read back and compared.

    Args:
        left_out: what the form is known to leave out.
        render: the form's own, as `read` and `numbers`.

    """

    def inexpressible(document: RecommendationDocument) -> tuple[Inexpressible, ...]:
        reading = read(render(document))
        return *left_out(document), *lost(numbers(document), document, reading)

    return inexpressible


def _relative(one: Difference | None) -> float:
    return 0.0 if one is None else one.relative


def _in_words(one: Difference) -> Inexpressible:
    what = one.number.replace("_", " ") + (f" of {one.tensor}" if one.tensor else "")
    return Inexpressible(
        what, f"trains with {one.read:.6g} where {one.recommended:.6g} is recommended"
    )


def _of_tensor(name: str, row: TensorValues, read: TensorReading) -> Iterator[Difference]:
    for number in NUMBERS:
        wanted, got = getattr(row, number), getattr(read, number)
        if wanted is not None and got is not None:
            yield Difference(number, name, wanted, got, _distance(wanted, got))


def _distance(wanted: float, got: float) -> float:
    if wanted == got:
        return 0.0
    return abs(got - wanted) / abs(wanted) if wanted else math.inf
