"""The command `widthwise preview`: the plan and cost of a study before it is queued."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from widthwise.cli.spec_file import read_spec
from widthwise.cli.terminal import Address, AsJson, out, print_json, service

_UNKNOWN: Final = "?"


def preview(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="YAML or JSON; - reads stdin.")],
    as_json: AsJson = False,
    address: Address = None,
) -> None:
    """Show the plan and cost of a study, without running it.

    The plan has trials, FLOPs, time, share of the target, and the expected interval.
    """
    with service(address) as client:
        found = client.preview(read_spec(file))
    if as_json:
        print_json(found)
        return
    out.print(preview_view(found))


def preview_view(found: dict[str, Any]) -> RenderableType:
    """The plan by width, its cost, and the expected interval of the answer."""
    searches = bool(found["planned"])
    table = Table(box=None, padding=(0, 2), header_style="dim")
    table.add_column("trials for" if searches else "check of")
    many = "trials" if searches else "seeds"
    for name in ("width", many, "updates", "parameters", "FLOPs"):
        table.add_column(name, justify="right")
    for of in found["planned"] if searches else found["checks"]:
        table.add_row(
            of["purpose"] if searches else of["optimizer"],
            str(of["width"]),
            str(of[many]),
            str(of["steps"] if searches else of["updates"]),
            _UNKNOWN if of["parameters"] is None else f"{of['parameters']:,}",
            _UNKNOWN if of["flops"] is None else f"{of['flops']:.2g}",
        )
    return Group(table, "", *(Text(line) for line in _lines(found)))


def _lines(found: dict[str, Any]) -> Iterator[str]:
    words = found["words"]
    share = "" if found["share_percent"] is None else f", {words['share']}"
    yield f"cost       {words['trials']}, {words['flops']}{share}"
    if found["time"] is not None:
        yield f"time       {words['time']}, {found['time']['words']}"
    if found["interval"] is not None:
        yield f"interval   {words['interval']}, {found['interval']['words']}"
    yield from (f"note       {note}" for note in found["notes"])
    yield from (f"abstains   {reason}" for reason in found.get("abstains", ()))
