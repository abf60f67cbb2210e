"""Small multiples of a coordinate check: how each tensor's change grows with width.

Tensors judged by their size before training, such as attention's logits, are drawn by that.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from parametrization.check.verdict import TensorVerdict

WIDTH: Final = 160
HEIGHT: Final = 84
STEEPEST: Final = 1.2
"""Slope that reaches the corner of a figure; steeper ones are drawn as this."""


class CheckFigure(NamedTuple):
    """One tensor's slope as lines through the middle of the figure's left edge, in pixels."""

    tensor: TensorVerdict
    slope: str | None
    """Points of the line; None where nothing moved."""
    interval: str | None
    """Corners of the 95 % interval."""
    allowed: str
    """Corners of the slopes that pass."""


def check_figures(tensors: Iterable[TensorVerdict]) -> tuple[CheckFigure, ...]:
    """One figure per tensor, those that do not pass first."""
    order = {False: 0, None: 1, True: 2}
    listed = sorted(tensors, key=lambda tensor: order[tensor.passed])
    return tuple(_figure(tensor) for tensor in listed)


def _figure(tensor: TensorVerdict) -> CheckFigure:
    slope, interval = tensor.update_slope, tensor.update_interval
    if slope is None:
        slope = tensor.initial_slope
    return CheckFigure(
        tensor,
        None if slope is None else f"0,{HEIGHT / 2:g} {WIDTH},{_end(slope):.1f}",
        None if interval is None else _wedge(*interval),
        _wedge(-tensor.threshold, tensor.threshold),
    )


def _wedge(low: float, high: float) -> str:
    return f"0,{HEIGHT / 2:g} {WIDTH},{_end(low):.1f} {WIDTH},{_end(high):.1f}"


def _end(slope: float) -> float:
    """Height at the widest width; up is growth."""
    within = max(-STEEPEST, min(STEEPEST, slope))
    return HEIGHT / 2 * (1 - within / STEEPEST)
