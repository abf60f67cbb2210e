"""Every command of `widthwise`, and arguments that it can be tried with."""

from collections.abc import Iterator
from typing import Any, Final

import typer.main

from widthwise.cli.commands import app

STUDY: Final = "STUDY"
OTHER: Final = "OTHER"
STORED: Final = "STORED"
FILES: Final = "FILES"
"""Placeholders: ids of two studies and of a stored recommendation, and a folder of files."""

ASKING: Final[dict[str, tuple[str, ...]]] = {
    "studies": (),
    "projects": (),
    "usage": (),
    "show": (STUDY,),
    "trials": (STUDY, "--state", "complete"),
    "queue": (),
    "workers": (),
    "search": (),
    "importances": (STUDY,),
    "recommend": (STUDY,),
    "recommendations": (),
    "watch": (STUDY,),
    "plot": (STUDY, "--output", f"{FILES}/plot.png"),
    "compare": (STUDY, "--output", f"{FILES}/compare.png"),
    "export-optuna": (STUDY, "--output", f"{FILES}/study.log"),
    "preview": (f"{FILES}/study.yaml",),
    "changes": (STORED,),
    "approve": (STORED, "--note", "flat"),
    "webhooks list": (),
    "checks list": (),
    "checks preview": (f"{FILES}/study.yaml",),
}
"""Commands that succeed at a service with a completed study and a stored recommendation."""

MOVING: Final[dict[str, tuple[str, ...]]] = {
    "submit": (f"{FILES}/study.yaml",),
    "edit": (STUDY, "--priority", "3"),
    "enqueue": (STUDY, "learning_rate=0.004"),
    "pause": (STUDY,),
    "resume": (STUDY,),
    "cancel": (STUDY,),
    "diff": (STUDY, OTHER),
    "webhooks create": ("https://ci.example.com/hook",),
    "checks run": (f"{FILES}/study.yaml", "--no-wait"),
}
"""Commands that succeed where two studies are queued."""

REFUSED: Final[dict[str, tuple[str, ...]]] = {
    "retry": ("std_absent",),
    "reject": ("rec_absent", "--note", "steep"),
    "import-trials": ("std_absent", f"{FILES}/sweep.csv"),
    "post-check": ("std_absent", f"{FILES}/model.py"),
    "webhooks test": ("whk_absent",),
    "webhooks delete": ("whk_absent",),
    "checks show": ("std_absent",),
    **{f"checks {move}": ("std_absent",) for move in ("cancel", "pause", "resume", "retry")},
}
"""Commands that name what no service has."""

HERE: Final = {"config", "analyse", "check", "describe", "shapes", "tune"}
"""Commands that need no service, or start their own."""

BECOME: Final = {"up", "keys"}
"""Commands that become another program, with its options and status."""


def commands() -> dict[str, Any]:
    """Every command by its words, as typer has it."""
    return dict(_within("", typer.main.get_group(app)))


def _within(before: str, group: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _within(f"{before}{name} ", command)
        else:
            yield f"{before}{name}", command
