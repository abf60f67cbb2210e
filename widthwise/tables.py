"""Studies as people read them in a terminal."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from widthwise.progress import state_text


def submitted(study: dict[str, Any], page: str) -> RenderableType:
    """A study that was just queued, and what to do with it next."""
    study_id, width = study["id"], study["spec"]["target"]["width"]
    return Text.assemble(
        *(("submitted ", ""), (study_id, "bold"), "\n"),
        f"page       {page}\n",
        f"watch      widthwise watch {study_id}\n",
        f"recommend  widthwise recommend {study_id} --width {width}",
    )


def studies(rows: Sequence[dict[str, Any]]) -> RenderableType:
    """One line per study, as listed; ids are never cut off."""
    if not rows:
        return Text("No studies. Submit one: widthwise submit examples/gpt.yaml")
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("id", "state", "model"):
        table.add_column(name, no_wrap=True, overflow="fold")
    table.add_column("width", no_wrap=True, justify="right")
    table.add_column("created", no_wrap=True)
    table.add_column("name", no_wrap=True, overflow="ellipsis", ratio=1)
    for row in rows:
        table.add_row(
            row["id"],
            state_text(row),
            f"{row['family']}, {' '.join(row['optimizers'])}",
            f"{row['proxy_width']} → {row['target_width']}",
            _local_time(row["created_at"]),
            Text(row["name"]),
        )
    return table


def _local_time(timestamp: str) -> str:
    return dt.datetime.fromisoformat(timestamp).astimezone().strftime("%Y-%m-%d %H:%M")
