"""The command `widthwise usage`: hours of slots, and their cost."""

import datetime as dt
from typing import Annotated, Any, Literal

import typer
from rich.table import Table
from rich.text import Text

from parametrization.text.visible import visible
from widthwise.cli.terminal import Address, AsJson, print_json, print_table, service

Group = Literal["owner", "project", "study", "day"]
Day = Annotated[dt.datetime | None, typer.Option(help="A local date, or date and time.")]


def usage(
    group_by: Annotated[Group, typer.Option(help="One row for each of these.")] = "owner",
    since: Day = None,
    until: Day = None,
    as_json: AsJson = False,
    address: Address = None,
) -> None:
    """Report the hours of slots that were used, and their cost."""
    with service(address) as client:
        found = client.usage(group_by, since=since, until=until)
        if as_json:
            print_json(found)
        else:
            print_table(_table(found))


def _table(found: dict[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", show_footer=True)
    total, others = found["total"], found["others"]
    table.add_column(f"{found['unit']} hours", f"{total['hours']:.2f}", justify="right")
    if found["price_per_hour"] is not None:
        table.add_column(found["currency"], f"{total['cost']:.2f}", justify="right")
    table.add_column("own hours", f"{total['own_hours']:.2f}", justify="right")
    table.add_column(found["group_by"], "in all")
    rows = list(found["rows"])
    if others["orders"]:
        rows.append(others | {"name": "others", "study_name": None})
    for row in rows:
        name = " ".join(filter(None, (row["name"], row["study_name"]))) or "—"
        cost = [] if row["cost"] is None else [f"{row['cost']:.2f}"]
        hours = f"{row['hours']:.2f}", *cost, f"{row['own_hours']:.2f}"
        table.add_row(*hours, Text(visible(name)))
    return table
