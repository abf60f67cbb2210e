"""The command `widthwise preview`: what a study would run, before it is queued."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from parametrization.text.rounding import percent
from widthwise.cli.spec_file import read_spec
from widthwise.cli.terminal import Address, out, service

_UNKNOWN: Final = "?"
_MINUTE: Final = 60.0
_HOUR: Final = 3600.0


def preview(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="YAML or JSON; - reads stdin.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    address: Address = None,
) -> None:
    """Say what a study would run: trials, FLOPs, time, share of the target, expected interval."""
    with service(address) as client:
        found = client.preview(read_spec(file))
    if as_json:
        typer.echo(json.dumps(found))
        return
    out.print(preview_view(found))


def preview_view(found: dict[str, Any]) -> RenderableType:
    """Trials by purpose and width, what they cost, and how sure the answer would be."""
    table = Table(box=None, padding=(0, 2), header_style="dim")
    table.add_column("trials for")
    for name in ("width", "trials", "updates", "parameters", "FLOPs"):
        table.add_column(name, justify="right")
    for of in found["planned"]:
        table.add_row(
            of["purpose"],
            str(of["width"]),
            str(of["trials"]),
            str(of["steps"]),
            _UNKNOWN if of["parameters"] is None else f"{of['parameters']:,}",
            _flops(of["flops"]),
        )
    return Group(table, "", *(Text(line) for line in _lines(found)))


def _lines(found: dict[str, Any]) -> Iterator[str]:
    share = found["share_percent"]
    of_target = "" if share is None else f", {percent(share)} of training the target"
    yield f"cost       {found['trials']} trials, {_flops(found['tuning_flops'])} FLOPs{of_target}"
    if found["time"] is not None:
        yield f"time       {duration(found['time']['seconds'])}, {found['time']['words']}"
    interval = found["interval"]
    yield f"interval   {interval['octaves']:.2g} octaves, {interval['words']}"
    yield from (f"note       {note}" for note in found["notes"])


def duration(seconds: float) -> str:
    """As people say it.

    >>> duration(42.3), duration(900), duration(9000)
    ('42 s', '15 min', '2.5 h')
    """
    if seconds < 2 * _MINUTE:
        return f"{seconds:.0f} s"
    return f"{seconds / _MINUTE:.0f} min" if seconds < 2 * _HOUR else f"{seconds / _HOUR:.1f} h"


def _flops(flops: float | None) -> str:
    return _UNKNOWN if flops is None else f"{flops:.2g}"
