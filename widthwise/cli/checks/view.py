"""Coordinate checks of a service as people read them in a terminal."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from parametrization.text.visible import visible
from widthwise.cli.progress import state_text

_STYLES: Final = {"passed": "bold green", "failed": "bold red", "inconclusive": "bold yellow"}
_NOTHING: Final = "—"


def check_list(rows: Iterable[dict[str, Any]]) -> RenderableType:
    """One line a check; ids are never cut off."""
    listed = list(rows)
    if not listed:
        return Text("No coordinate checks. Take one: widthwise checks run FILE")
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("id", "state", "outcome", "model", "widths", "name"):
        table.add_column(name, overflow="fold", no_wrap=name == "id")
    for row in listed:
        table.add_row(
            row["id"],
            state_text(row),
            _outcome(row),
            f"{row['family']}, {' '.join(row['optimizers'])}, {row['parametrization']}",
            f"{row['widths'][0]} to {row['widths'][-1]}",
            Text(visible(row["name"])),
        )
    return table


def check_view(found: dict[str, Any]) -> RenderableType:
    """A check: each optimizer's verdict in words, and the slopes of tensors that did not pass."""
    return Group(*_lines(found))


def _lines(found: dict[str, Any]) -> Iterator[RenderableType]:
    name = f" {visible(found['name'])}" if found["name"] else ""
    yield Text.assemble((found["id"], "bold"), name, " ", state_text(found))
    for one in found["checks"]:
        yield Text.assemble((f"{one['optimizer']}: ", "bold"), visible(one["summary"]))
        yield from (Text(f"  likely cause: {visible(cause)}") for cause in one["causes"])
        wrong = [tensor for tensor in one["tensors"] if not tensor["passed"]]
        if wrong:
            yield _slopes(wrong)
    waits = found["problem"] or found["pending_reason"]
    ended_without = found["reason"] if found["state"] in ("failed", "cancelled") else None
    if said := ended_without or waits:
        yield Text(visible(said))
    if found["outcome"] is not None:
        yield _outcome(found)


def _slopes(tensors: Iterable[dict[str, Any]]) -> Table:
    table = Table(box=None, padding=(0, 2), header_style="dim")
    table.add_column("tensor or activation", overflow="fold")
    table.add_column("verdict")
    for name in ("update slope", "95 % interval", "allowed"):
        table.add_column(name, justify="right")
    for one in tensors:
        interval = one["update_interval"]
        table.add_row(
            Text(visible(one["tensor"])),
            "wrong" if one["passed"] is False else "open",
            _signed(one["update_slope"]),
            _NOTHING if interval is None else " to ".join(map(_signed, interval)),
            f"±{one['threshold']:.2f}",
        )
    return table


def _outcome(row: dict[str, Any]) -> Text:
    outcome = row["outcome"]
    return Text(_NOTHING) if outcome is None else Text(outcome, style=_STYLES[outcome])


def _signed(value: float | None) -> str:
    return _NOTHING if value is None else f"{value:+.2f}"
