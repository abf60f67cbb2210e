"""Views of an own model's check, as text and as JSON; and the task that a target names."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.text import Text

from parametrization.check.verdict import CheckVerdict
from parametrization.nn.describe import Description
from parametrization.recommendation.check_statistics import CheckStatistics, read_check_statistics
from parametrization.text.visible import visible
from widthwise.errors import WidthwiseError
from widthwise.own_checks.check import (
    EXIT_STATUS,
    OwnCheck,
    TaskRaised,
    check_statistics,
    check_task,
    describe_task,
)
from widthwise.task import Task, task_problems
from widthwise.task_loading import load_task
from widthwise.task_source import TaskSource
from widthwise.task_words import TaskRefused

__all__ = ["EXIT_STATUS", "as_json", "check_view", "checked", "described", "description"]

_GROUP: Final = "widthwise.models"
_STYLES: Final = {
    "passed": "bold green",
    "failed": "bold red",
    "undecided": "bold yellow",
    "refused": "bold red",
}


def description(target: str, optimizer: str, width: int | None) -> Description:
    """The numbers of every tensor of a task's model.

    Raises:
        WidthwiseError: if there is no such task, or its model cannot be scaled.

    """
    try:
        return describe_task(_task(target), width=width, optimizer=optimizer)
    except (TaskRefused, TaskRaised, ValueError) as error:
        raise WidthwiseError(str(error)) from error


def described(table: Description) -> RenderableType:
    """The table of a task's tensors, as people read it."""
    return Text(_visible_lines(str(table)))


def check_view(found: OwnCheck) -> RenderableType:
    """The check as people read it in a terminal."""
    return Group(*_lines(found))


def _visible_lines(text: str) -> str:
    """The text with its lines kept and hidden characters of names made visible."""
    return "\n".join(map(visible, text.splitlines()))


def _lines(found: OwnCheck) -> Iterator[RenderableType]:
    if found.table is not None:
        yield Text(_visible_lines(str(found.table)))
        yield ""
    for problem in found.refused:
        yield Text(_visible_lines(problem))
    if found.roles:
        yield Text("\nPaste this into the class, and look at each line:\n\nroles = {")
        yield from (Text(f"    {name!r}: {said},") for name, said in found.roles.items())
        yield Text("}\n")
    for one in found.findings:
        mark = "ok" if one.passed else "failed" if one.needed else "no"
        yield Text(f"{one.name:16} {mark:7} {visible(one.words)}")
    for name, verdict in (("over widths", found.width), ("over depths", found.depth)):
        if verdict is not None:
            yield Text.assemble(f"{name:16} ", visible(verdict.summary))
    yield Text.assemble(
        (found.outcome.upper(), _STYLES[found.outcome]),
        f": {visible(found.target)} ({found.seconds:.0f} s)",
    )


def as_json(found: OwnCheck) -> str:
    """The check as a JSON object."""
    table = None if found.table is None else [asdict(one) for one in found.table]
    document = {
        "target": found.target,
        "outcome": found.outcome,
        "refused": list(found.refused),
        "roles": dict(found.roles or {}),
        "tensors": table,
        "findings": [one._asdict() for one in found.findings],
        "width": _verdict(found.width),
        "depth": _verdict(found.depth),
        "seconds": round(found.seconds, 1),
    }
    return json.dumps(document, indent=1)


def _verdict(verdict: CheckVerdict | None) -> dict[str, Any] | None:
    return None if verdict is None else asdict(verdict)


def checked(target: str, optimizer: str, widths: tuple[int, ...], batch_size: int) -> OwnCheck:
    """Check a task, or a file of statistics.

    Raises:
        WidthwiseError: if a file of statistics cannot be read.

    """
    if target.endswith(".json"):
        return check_statistics(target, _statistics(target))
    try:
        kind = _task(target)
    except TaskRefused as error:
        return OwnCheck(target, refused=error.problems, roles=error.proposals)
    return check_task(target, kind, widths=widths, optimizer=optimizer, batch_size=batch_size)


def _statistics(target: str) -> CheckStatistics:
    try:
        return read_check_statistics(json.loads(Path(target).read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise WidthwiseError(f"{target} holds no statistics of a check: {error}") from error


def _task(target: str) -> type[Task]:
    """The class, from a file or an installed package.

    Raises:
        TaskRefused: if there is none, or it is not whole.

    """
    if ".py" in target:
        return load_task(TaskSource.parse(target))
    installed = {point.name: point for point in entry_points(group=_GROUP)}
    if target not in installed:
        known = ", ".join(sorted(installed)) or "none"
        raise TaskRefused(
            f"{target} is no FILE.py[:Task] and no installed task (installed: {known})"
        )
    declaration = installed[target].load()
    module, _, name = declaration.task.partition(":")
    kind = getattr(import_module(module), name)
    if problems := task_problems(kind):
        raise TaskRefused(*problems)
    found: type[Task] = kind
    return found
