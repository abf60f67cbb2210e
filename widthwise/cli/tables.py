"""Tables of studies, projects and stored recommendations for a terminal."""

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from parametrization.text.visible import visible
from widthwise.cli.progress import state_text

_COLUMNS: Final = ("id", "state", "model", "width", "created")


def submitted(study: dict[str, Any], page: str) -> RenderableType:
    """A study that was just queued, and the commands to use next."""
    study_id, target = study["id"], study["spec"]["target"]
    if study["spec"].get("stop_after") == "check":
        return Text.assemble(
            *(("submitted ", ""), (study_id, "bold"), "\n"),
            f"page       {page}\n",
            f"verdict    widthwise checks show {study_id}",
        )
    duration = "" if target["tokens_given"] else " --tokens N"
    return Text.assemble(
        *(("submitted ", ""), (study_id, "bold"), "\n"),
        f"page       {page}\n",
        f"watch      widthwise watch {study_id}\n",
        f"recommend  widthwise recommend {study_id} --width {target['width']}{duration}",
    )


def studies(rows: Sequence[dict[str, Any]]) -> RenderableType:
    """One line per study, as listed; ids are never cut off."""
    if not rows:
        return Text("No studies. Submit one: widthwise submit examples/gpt.yaml")
    lines = [
        (
            row["id"],
            row["state"],
            f"{row['family']}, {' '.join(row['optimizers'])}",
            "check"
            if row.get("stop_after") == "check"
            else f"{row['proxy_width']} → {row['target_width']}",
            _local_time(row["created_at"]),
        )
        for row in rows
    ]
    return _table(
        _COLUMNS,
        [
            (study_id, state_text(row), *rest)
            for row, (study_id, _, *rest) in zip(rows, lines, strict=True)
        ],
        "name",
        [Text(visible(row["name"])) for row in rows],
    )


def projects(rows: Sequence[dict[str, Any]]) -> RenderableType:
    """One line per project; a dash stands for studies without one."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("studies", justify="right")
    table.add_column("project")
    for row in rows:
        table.add_row(str(row["studies"]), Text(visible(row["name"]) or "—"))
    return table


def recommendations(rows: Sequence[dict[str, Any]]) -> RenderableType:
    """One line per stored recommendation, as listed; ids are never cut off."""
    if not rows:
        return Text("No stored recommendations. Store one: widthwise recommend ID --store")
    lines = [
        (
            row["id"],
            row["state"],
            row["verdict"],
            f"{row['family']}, {row['optimizer']}",
            str(row["target"]["width"]),
            _local_time(row["created_at"]),
        )
        for row in rows
    ]
    return _table(
        ("id", "state", "verdict", "model", "width", "stored"),
        lines,
        "note",
        [Text(visible((row["decision"] or {}).get("note", ""))) for row in rows],
    )


def unreadable_studies(rows: Sequence[dict[str, Any]]) -> RenderableType:
    """A line for each study that the service cannot read, with the reason."""
    lines = (f"{row['id']} ({row['state']}) cannot be read: {row['problem']}" for row in rows)
    return Text("\n".join(lines), style="yellow")


def _table(
    names: Sequence[str], lines: Sequence[Sequence[str | Text]], last: str, texts: Sequence[Text]
) -> Table:
    """Columns that are shown whole, and a last one that takes the remaining room."""
    table = Table(box=None, pad_edge=False, header_style="dim", expand=True)
    for name, cells in zip(names, zip(*lines, strict=True), strict=True):
        table.add_column(name, no_wrap=True, width=max(map(len, [name, *cells])))
    table.add_column(last, no_wrap=True, overflow="ellipsis", ratio=1)
    for line, text in zip(lines, texts, strict=True):
        table.add_row(*line, text)
    return table


def _local_time(timestamp: str) -> str:
    return dt.datetime.fromisoformat(timestamp).astimezone().strftime("%Y-%m-%d %H:%M")
