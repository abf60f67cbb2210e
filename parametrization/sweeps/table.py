"""Read a table of losses over learning rates and widths, and say what is wrong with it."""

import csv
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from parametrization.sweeps.columns import Columns, axis_of, recognised, steps_among
from parametrization.sweeps.refused import SweepRefused

SeedLosses: TypeAlias = dict[str, float | None]
"""Loss of each seed, None where it diverged."""
Sweep: TypeAlias = dict[int, dict[float, SeedLosses]]
"""By width and log2(learning rate)."""

_DIVERGED: Final = frozenset({"", "nan", "inf", "-inf", "infinity", "none", "null", "diverged"})
_FALSE: Final = frozenset({"", "0", "0.0", "false", "no", "nan", "none"})
_ROWS_OF_A_SETTING: Final = 5
"""Rows that a value of a setting has, on average, at least."""
_NAMED: Final = 3
"""Rows of one kind of trouble that are named."""


class Group(NamedTuple):
    """Rows that differ in width, rate and seed alone."""

    where: dict[str, str]
    """Values of the columns that set them apart from the table's other rows."""
    sweep: Sweep
    steps: int | None = None
    """Updates of each run, where the table says so."""


class Table(NamedTuple):
    """A table of losses, taken apart."""

    columns: Columns
    groups: tuple[Group, ...]
    rows: int
    said: tuple[str, ...]
    """Columns chosen, rows left out and figures missing, in words."""


class _Row(NamedTuple):
    line: int
    width: int
    log2_rate: float
    seed: str
    loss: float | None
    others: Mapping[str, str]


def parse_table(text: str, *, loss: str | None = None) -> Table:
    """The table of a CSV text; commas, semicolons or tabs part its cells.

    Args:
        loss: the column to take as the loss; default: by its name.

    Raises:
        SweepRefused: if it is no table of losses, or rows contradict one another.

    """
    names, cells = _cells(text)
    columns = recognised(names, loss=loss)
    rows = [_row(line, of, columns) for line, of in cells]
    if not rows:
        raise SweepRefused("there is no row below the names of the columns")
    apart = _apart(rows, columns)
    found: dict[tuple[str, ...], list[_Row]] = {}
    for row in rows:
        found.setdefault(tuple(row.others[name] for name in apart), []).append(row)
    groups = tuple(
        Group(dict(zip(apart, values, strict=True)), _sweep(of, columns), _steps(of[0]))
        for values, of in found.items()
    )
    said = [*columns.said, *_said_apart(apart, groups), *_said_of(groups, columns)]
    return Table(columns, groups, len(rows), tuple(said))


def _cells(text: str) -> tuple[list[str], Iterator[tuple[int, dict[str, str]]]]:
    text = text.removeprefix("\ufeff")  # spreadsheets write a byte order mark
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(text.splitlines(), delimiter=delimiter)
    names = [name.strip() for name in next(reader, [])]
    if not names:
        raise SweepRefused("the table is empty")
    return names, _filled(reader, names)


def _filled(
    reader: Iterator[list[str]], names: Sequence[str]
) -> Iterator[tuple[int, dict[str, str]]]:
    for line, cells in enumerate(reader, start=2):
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(names):
            raise SweepRefused(f"line {line}: {len(cells)} cells, and {len(names)} columns")
        yield line, {name: cell.strip() for name, cell in zip(names, cells, strict=True)}


def _row(line: int, cells: Mapping[str, str], columns: Columns) -> _Row:
    width = _number(line, columns.width, cells[columns.width])
    if width < 1 or width != round(width):
        raise SweepRefused(
            f"line {line}: {columns.width} {cells[columns.width]!r} is not a whole number above 0"
        )
    try:
        rate = columns.to_log2(_number(line, columns.rate, cells[columns.rate]))
    except ValueError as error:
        raise SweepRefused(
            f"line {line}: {columns.rate} {cells[columns.rate]!r} {error}"
        ) from error
    return _Row(
        line,
        round(width),
        round(rate, 6),
        "" if columns.seed is None else cells[columns.seed],
        _loss(line, cells, columns),
        {name: cells[name] for name in columns.others},
    )


def _loss(line: int, cells: Mapping[str, str], columns: Columns) -> float | None:
    flag = "" if columns.diverged is None else cells[columns.diverged]
    if flag.lower() not in _FALSE or cells[columns.loss].lower() in _DIVERGED:
        return None
    loss = _number(line, columns.loss, cells[columns.loss])
    if loss <= 0:
        raise SweepRefused(
            f"line {line}: {columns.loss} {loss:g} is not positive; losses are compared by ratios:"
            " name a column of positive ones with --loss"
        )
    return loss


def _number(line: int, name: str, cell: str) -> float:
    try:
        number = float(cell)
    except ValueError:
        raise SweepRefused(f"line {line}: {name} {cell!r} is not a number") from None
    if not math.isfinite(number):
        raise SweepRefused(f"line {line}: {name} {cell!r} is not finite")
    return number


def _apart(rows: Sequence[_Row], columns: Columns) -> tuple[str, ...]:
    """Columns that take the table apart: axes beside width, and settings of several values."""
    return tuple(
        name
        for name in columns.others
        if len({row.others[name] for row in rows}) > 1
        and (axis_of(name) is not None or _is_setting(rows, name))
    )


def _is_setting(rows: Sequence[_Row], name: str) -> bool:
    """True if a column is a setting of the runs and not a result: few values, none missing."""
    values = {row.others[name] for row in rows}
    return "" not in values and len(values) * _ROWS_OF_A_SETTING <= len(rows)


def _steps(row: _Row) -> int | None:
    """Updates of a row's run; None where no column gives them as a whole number."""
    name = steps_among(row.others)
    cell = "" if name is None else row.others[name]
    return int(cell) if cell.isdecimal() and int(cell) > 0 else None


def _sweep(rows: Sequence[_Row], columns: Columns) -> Sweep:
    found: dict[int, dict[float, dict[str, _Row]]] = {}
    clashes: list[str] = []
    numbers: Counter[tuple[int, float]] = Counter()
    for row in rows:
        numbers[row.width, row.log2_rate] += 1
        seed = row.seed if columns.seed is not None else str(numbers[row.width, row.log2_rate])
        at = found.setdefault(row.width, {}).setdefault(row.log2_rate, {})
        other = at.setdefault(seed, row)
        if other is not row and other.loss != row.loss:
            clashes.append(f"lines {other.line} and {row.line}")
    if clashes:
        listed = ", ".join(clashes[:_NAMED])
        more = f" and {len(clashes) - _NAMED} more" if len(clashes) > _NAMED else ""
        raise SweepRefused(
            f"rows of the same width, learning rate and {columns.seed} have different losses:"
            f" {listed}{more}; a column that tells them apart is missing, or they are two sweeps"
        )
    return {
        width: {
            rate: {seed: row.loss for seed, row in found[width][rate].items()}
            for rate in sorted(found[width])
        }
        for width in sorted(found)
    }


def seeds_of(sweep: Sweep) -> list[str]:
    """Names of a sweep's seeds, sorted."""
    return sorted({seed for at in sweep.values() for losses in at.values() for seed in losses})


def _said_apart(apart: Sequence[str], groups: Sequence[Group]) -> Iterator[str]:
    if apart:
        yield f"taken apart by {', '.join(apart)}: {len(groups)} sweeps"


def _said_of(groups: Sequence[Group], columns: Columns) -> Iterator[str]:
    seeds = {seed for group in groups for seed in seeds_of(group.sweep)}
    if columns.seed is not None and len(seeds) == 1:
        yield f"one {columns.seed} alone: how much seeds differ is told by neighbouring rates"
