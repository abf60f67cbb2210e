"""The table under a plot: loss by learning rate, one column per panel and width."""

from collections.abc import Iterable
from typing import NamedTuple

from app.dashboard.words import NAME_OF, best_rate, number, transfer_lines
from app.schemas.evidence import SensitivityRead, compared
from tuner.evidence.sensitivity import SensitivityCurve, SensitivityPoint
from tuner.spec.optimizer_name import Optimizer


class Column(NamedTuple):
    title: str
    optimum: str


class Cell(NamedTuple):
    text: str
    is_best: bool


class Row(NamedTuple):
    rate: float
    """log2 of the learning rate."""
    cells: tuple[Cell, ...]


class TransferPart(NamedTuple):
    """What the page shows about one optimizer's transfer, beside the plot."""

    optimizer: Optimizer
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    lines: tuple[str, ...]


def transfer_parts(evidence: SensitivityRead) -> tuple[TransferPart, ...]:
    """One part per optimizer that has curves."""
    optimizers = dict.fromkeys(curve.optimizer for curve in evidence.curves)
    return tuple(_part(evidence, optimizer) for optimizer in optimizers)


def _part(evidence: SensitivityRead, optimizer: Optimizer) -> TransferPart:
    curves = [curve for curve in evidence.curves if curve.optimizer == optimizer]
    rates = sorted({point.log2_learning_rate for curve in curves for point in curve.points})
    return TransferPart(
        optimizer=optimizer,
        columns=tuple(_column(curve) for curve in curves),
        rows=tuple(Row(at, tuple(_cells(curves, at))) for at in rates),
        lines=tuple(transfer_lines(compared(evidence, optimizer))),
    )


def _column(curve: SensitivityCurve) -> Column:
    title = f"{NAME_OF[curve.parametrization]}, width {curve.width}"
    return Column(title, best_rate(curve.optimum))


def _cells(curves: Iterable[SensitivityCurve], log2_rate: float) -> Iterable[Cell]:
    for curve in curves:
        losses = [point.mean_loss for point in curve.points if point.mean_loss is not None]
        point = next((p for p in curve.points if p.log2_learning_rate == log2_rate), None)
        best = point is not None and point.mean_loss == min(losses, default=None)
        yield Cell(_text(point), best and point is not None and point.mean_loss is not None)


def _text(point: SensitivityPoint | None) -> str:
    if point is None:
        return "not tried"
    if point.diverged:
        return f"✕ {point.diverged} of {len(point.seeds)} diverged"
    return number(point.mean_loss)
