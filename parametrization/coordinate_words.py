"""What a coordinate check's slope says and what usually causes it, as rows of data."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from parametrization.roles import Role
from parametrization.rules import Optimizer


class Statistic(StrEnum):
    UPDATE = "update"  # D: dW(t) x(t)
    PROPAGATION = "propagation"  # P: W(0) (x(t) - x(0))


class _Cause(NamedTuple):
    statistic: Statistic
    role: Role
    grows: bool
    words: str  # {power}: how far off, in powers of width


UPDATE, PROPAGATION = Statistic
_ADAM_CAUSES: Final = (
    _Cause(UPDATE, Role.INPUT, True, "a learning rate that grows by {power}; it must not change"),
    _Cause(UPDATE, Role.INPUT, False, "a learning rate that falls by {power}; it must not change"),
    _Cause(UPDATE, Role.HIDDEN, True, "a missing 1/{fan_in} learning rate"),
    _Cause(UPDATE, Role.HIDDEN, False, "a learning rate divided by {fan_in} once too often"),
    _Cause(UPDATE, Role.OUTPUT, True, "a missing 1/{fan_in} readout multiplier"),
    _Cause(UPDATE, Role.OUTPUT, False, "a readout scaled by 1/{fan_in} once too often"),
)
_SGD_CAUSES: Final = (
    _Cause(
        UPDATE,
        Role.INPUT,
        True,
        "gradients that grow: a missing 1/fan_in readout multiplier or too large an initial std",
    ),
    _Cause(
        UPDATE,
        Role.INPUT,
        False,
        "a learning rate that does not grow like m, or gradients that shrink with the initial std",
    ),
    _Cause(UPDATE, Role.HIDDEN, True, "a learning rate or backward signal too large by {power}"),
    _Cause(UPDATE, Role.HIDDEN, False, "a learning rate or backward signal too small by {power}"),
    _Cause(UPDATE, Role.OUTPUT, True, "a missing 1/{fan_in} readout multiplier"),
    _Cause(UPDATE, Role.OUTPUT, False, "a readout learning rate that does not grow like m"),
)
_INITIAL_CAUSES: Final = (
    _Cause(PROPAGATION, Role.HIDDEN, True, "an initial std too large by {power}"),
    _Cause(PROPAGATION, Role.HIDDEN, False, "an initial std too small by {power}"),
    _Cause(PROPAGATION, Role.OUTPUT, True, "a readout's initial std that grows with width"),
    _Cause(PROPAGATION, Role.OUTPUT, False, "a readout's initial std that shrinks with width"),
)
CAUSES: Final = {
    Optimizer.ADAM: _ADAM_CAUSES + _INITIAL_CAUSES,
    Optimizer.ADAMW: _ADAM_CAUSES + _INITIAL_CAUSES,
    Optimizer.SGD: _SGD_CAUSES + _INITIAL_CAUSES,
}


def cause(optimizer: Optimizer, statistic: Statistic, role: Role, slope: float) -> str:
    """What makes a statistic of this role grow (or fall, for a negative slope).

    >>> cause(Optimizer.ADAMW, Statistic.UPDATE, Role.HIDDEN, 0.98)
    'a missing 1/fan_in learning rate'
    >>> cause(Optimizer.ADAMW, Statistic.UPDATE, Role.HIDDEN, 0.49)
    'a missing 1/sqrt(fan_in) learning rate'
    """
    # Vectors and scalars move with the learning rate alone, as input tensors do.
    judged_as = role if role in (Role.HIDDEN, Role.OUTPUT) else Role.INPUT
    half = abs(slope) < 0.75
    row = next(
        row
        for row in CAUSES[optimizer]
        if (row.statistic, row.role, row.grows) == (statistic, judged_as, slope > 0)
    )
    return row.words.format(
        fan_in="sqrt(fan_in)" if half else "fan_in",
        power="sqrt(width)" if half else "width" if abs(slope) < 1.5 else "width^2",
    )


def growth(slope: float) -> str:
    """A slope in words.

    >>> growth(0.98)
    'grows like width^0.98'
    """
    return f"{'grows' if slope > 0 else 'falls'} like width^{slope:.2f}"


def summarise(failed: Sequence[str], undecided: Sequence[str], measured: str, families: int) -> str:
    """The verdict on all tensors in one paragraph.

    Args:
        failed: words on each tensor whose rule is wrong, the likely causes first.
        undecided: words on each tensor between right and wrong.
        measured: widths, seeds and optimizer.
        families: number of tensors judged, like tensors of blocks counted once.

    """
    if failed:
        return f"failed ({measured}): {'; '.join(failed)}"
    if undecided:
        return f"inconclusive ({measured}): {'; '.join(undecided)}; more seeds or widths may tell"
    return f"passed: updates and initialisation of all {families} tensors fit ({measured})"
