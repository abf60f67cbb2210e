"""`widthwise check` and `widthwise describe`: what a task of one's own is to the rules."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from parametrization.check.verdict import CheckVerdict
from parametrization.recommendation.check_statistics import read_check_statistics
from parametrization.text.visible import visible
from widthwise.cli.terminal import out, said_plainly
from widthwise.errors import WidthwiseError
from widthwise.own_check import (
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

_GROUP: Final = "widthwise.models"
_STYLES: Final = {
    "passed": "bold green",
    "failed": "bold red",
    "undecided": "bold yellow",
    "refused": "bold red",
}
Target = Annotated[
    str,
    typer.Argument(
        metavar="TARGET",
        help="FILE.py[:Task], the name of an installed task, or a JSON file of statistics.",
    ),
]
Optimizer = Annotated[str, typer.Option(help="Whose rules are checked; default: adamw.")]


def check(
    target: Target,
    optimizer: Optimizer = "adamw",
    width: Annotated[
        list[int] | None,
        typer.Option(min=1, help="To check at, three or more; may be repeated; default: four."),
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Examples of a batch.")] = 16,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
) -> None:
    """Check your own model: every tensor's numbers, and whether a few steps fit at every width.

    Runs the target's code in this process. Exit status: 0 passed, 1 failed, 2 it cannot be checked
    or decided.
    """
    with said_plainly():
        found = _checked(target, optimizer, tuple(width or ()), batch_size)
    if as_json:
        typer.echo(json.dumps(_document(found), indent=1))
    else:
        out.print(check_view(found), soft_wrap=True)
    raise typer.Exit(EXIT_STATUS[found.outcome])


def describe(
    target: Target,
    optimizer: Optimizer = "adamw",
    width: Annotated[
        int | None, typer.Option(min=1, help="Of the model; default: the task's base_width.")
    ] = None,
) -> None:
    """Print what every tensor of your own model gets, and why, with blocks in one line.

    Rates are factors on the one that will be tuned. Runs the target's code in this process.
    """
    with said_plainly():
        try:
            table = describe_task(_task(target), width=width, optimizer=optimizer)
        except (TaskRefused, TaskRaised, ValueError) as error:
            raise WidthwiseError(str(error)) from error
    out.print(Text(visible_lines(table)), soft_wrap=True)


def check_view(found: OwnCheck) -> RenderableType:
    """The check as people read it in a terminal."""
    return Group(*_lines(found))


def visible_lines(text: str) -> str:
    """A text whose lines stay lines, with whatever hides in names made visible."""
    return "\n".join(map(visible, text.splitlines()))


def _lines(found: OwnCheck) -> Iterator[RenderableType]:
    if found.table is not None:
        yield Text(visible_lines(str(found.table)))
        yield ""
    for problem in found.refused:
        yield Text(visible_lines(problem))
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


def _document(found: OwnCheck) -> dict[str, Any]:
    table = None if found.table is None else [asdict(one) for one in found.table]
    return {
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


def _verdict(verdict: CheckVerdict | None) -> dict[str, Any] | None:
    return None if verdict is None else asdict(verdict)


def _checked(target: str, optimizer: str, widths: tuple[int, ...], batch_size: int) -> OwnCheck:
    if target.endswith(".json"):
        return check_statistics(target, _statistics(target))
    try:
        kind = _task(target)
    except TaskRefused as error:
        return OwnCheck(target, refused=error.problems, roles=error.proposals)
    return check_task(target, kind, widths=widths, optimizer=optimizer, batch_size=batch_size)


def _statistics(target: str) -> Any:  # noqa: ANN401  the record
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
