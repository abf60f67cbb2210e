"""The table under a plot: loss by learning rate, one column per panel and width."""

from typing import Final, NamedTuple

from app.dashboard.words import NAME_OF, best_rate, transfer_lines
from app.schemas.evidence import SensitivityRead, compared
from app.standings.words import number
from tuner.evidence.sensitivity import SensitivityCurve, SensitivityPoint
from tuner.spec.optimizers.name import Optimizer


class Column(NamedTuple):
    title: str
    optimum: str


class Cell(NamedTuple):
    text: str
    is_best: bool


_NOT_TRIED: Final = Cell("not tried", is_best=False)


class Row(NamedTuple):
    rate: float
    """log2 of the learning rate."""
    cells: tuple[Cell, ...]


class TransferPart(NamedTuple):
    """The part of the page about one optimizer's transfer, beside the plot."""

    optimizer: Optimizer
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    lines: tuple[str, ...]
    points_left_out: int
    """Learning rates of a long search that are not shown."""


def transfer_parts(evidence: SensitivityRead) -> tuple[TransferPart, ...]:
    """One part per optimizer that has curves."""
    optimizers = dict.fromkeys(curve.optimizer for curve in evidence.curves)
    return tuple(_part(evidence, optimizer) for optimizer in optimizers)


def _part(evidence: SensitivityRead, optimizer: Optimizer) -> TransferPart:
    curves = [curve for curve in evidence.curves if curve.optimizer == optimizer]
    columns = [_cells(curve) for curve in curves]
    rates = sorted({rate for column in columns for rate in column})
    return TransferPart(
        optimizer=optimizer,
        columns=tuple(_column(curve) for curve in curves),
        rows=tuple(
            Row(rate, tuple(column.get(rate, _NOT_TRIED) for column in columns)) for rate in rates
        ),
        lines=tuple(transfer_lines(compared(evidence, optimizer))),
        points_left_out=sum(curve.points_left_out for curve in curves),
    )


def _column(curve: SensitivityCurve) -> Column:
    title = f"{NAME_OF[curve.parametrization]}, width {curve.width}"
    return Column(title, best_rate(curve.optimum))


def _cells(curve: SensitivityCurve) -> dict[float, Cell]:
    """Cells of a curve, by log2 of the learning rate."""
    best = min((p.mean_loss for p in curve.points if p.mean_loss is not None), default=None)
    return {
        point.log2_learning_rate: Cell(
            _text(point), point.mean_loss is not None and point.mean_loss == best
        )
        for point in curve.points
    }


def _text(point: SensitivityPoint) -> str:
    if point.diverged:
        return f"✕ {point.diverged} of {len(point.seeds)} diverged"
    return number(point.mean_loss)
