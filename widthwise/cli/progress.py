"""Show a study's progress in words and bars."""

from collections.abc import Iterable
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from parametrization.text.durations import duration
from parametrization.text.visible import visible
from widthwise.following import is_over

LABELS: Final = {
    "check": "checking",
    "search": "searching",
    "measure": "measuring",
    "confirm": "confirming hyperparameters",
    "axis": "measuring other axes",
    "repeat": "repeating a trial",
    "control": "measuring the control",
}
STATE_STYLES: Final = {
    "completed": "bold green",
    "failed": "bold red",
    "cancelled": "bold magenta",
    "paused": "bold yellow",
}
_BAR_WIDTH: Final = 36


def state_text(study: dict[str, Any]) -> Text:
    """The study's state, coloured by what it means."""
    return Text(study["state"], style=STATE_STYLES.get(study["state"], "bold cyan"))


def progress_line(study: dict[str, Any]) -> str:
    """The study's state and progress on one line, for logs."""
    counts = [
        f"{LABELS.get(phase['phase'], phase['phase'])} {_ended(phase)}/{phase['planned']}"
        for phase in study["progress"]["phases"]
        if _ended(phase) or phase["running"]
    ]
    parts = [study["state"], *counts, *_facts(study, 0.0), *_trouble(study)]
    return ", ".join(parts)


def progress_view(
    study: dict[str, Any], *, age_seconds: float = 0.0, interruption: str = ""
) -> RenderableType:
    """A bar per phase, with the best trial's value and the time left.

    Args:
        age_seconds: how long ago the service said so; the time left counts on.
        interruption: what keeps the service from being asked.

    """
    bars = Table.grid(padding=(0, 2))
    for phase in study["progress"]["phases"]:
        bars.add_row(*_phase_row(phase))
    title = Text.assemble(
        (visible(study["spec"]["name"] or study["id"]), "bold"), "  ", (study["id"], "dim"), "  "
    )
    lines: list[RenderableType] = [title.append_text(state_text(study)), bars]
    lines += [Text("   ".join(facts)) for facts in [_facts(study, age_seconds)] if facts]
    lines += [Text(trouble, style="yellow") for trouble in _trouble(study)]
    if interruption:
        lines.append(Text(f"no answer from the service, trying again: {interruption}", "yellow"))
    return Group(*lines)


def _phase_row(phase: dict[str, Any]) -> Iterable[RenderableType]:
    ended, planned = _ended(phase), phase["planned"]
    begun = ended or phase["running"]
    yield Text(LABELS.get(phase["phase"], phase["phase"]), style="" if begun else "dim")
    yield ProgressBar(total=1.0, completed=phase["fraction"], width=_BAR_WIDTH)
    yield Text(f"{ended}/{planned}", style="" if begun else "dim", justify="right")
    yield Text(", ".join(_endings(phase)), style="dim")


def _ended(phase: dict[str, Any]) -> int:
    return int(phase["complete"] + phase["pruned"] + phase["fail"])


def _endings(phase: dict[str, Any]) -> list[str]:
    notable = (
        *(("running", "running"), ("pruned", "stopped early")),
        *(("fail", "failed"), ("cancelled", "cancelled")),
    )
    return [f"{phase[key]} {word}" for key, word in notable if phase[key]]


def _facts(study: dict[str, Any], age_seconds: float) -> list[str]:
    progress = study["progress"]
    facts = []
    if progress["best_loss"] is not None:
        facts.append(f"best {progress['compared_by']} {progress['best_loss']:.4g}")
    if progress["eta_seconds"] is not None and not is_over(study):
        left = max(0.0, progress["eta_seconds"] - age_seconds)
        facts.append(f"about {duration(left)} left")
    return facts


def _trouble(study: dict[str, Any]) -> list[str]:
    return [visible(study["problem"])] if study.get("problem") else []
