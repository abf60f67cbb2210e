"""`widthwise check` and `widthwise describe`, for a task of your own."""

import json
import sys
from contextlib import redirect_stdout
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console

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
    """Check your own model by a few steps at every width.

    Lists every tensor's numbers too. Runs the target's code in this process. Exit status: 0 passed,
    1 failed, 2 it cannot be checked or decided.
    """
    from widthwise.own_checks import view  # here: it needs torch

    with redirect_stdout(sys.stderr):  # the output is a document, whatever the target prints
        found = view.checked(target, optimizer, tuple(width or ()), batch_size)
    if as_json:
        typer.echo(view.as_json(found))
    else:
        Console().print(view.check_view(found), soft_wrap=True)
    raise typer.Exit(view.EXIT_STATUS[found.outcome])


def describe(
    target: Target,
    optimizer: Optimizer = "adamw",
    width: Annotated[
        int | None, typer.Option(min=1, help="Of the model; default: the task's base_width.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
) -> None:
    """Print every tensor's numbers for your own model.

    Each has its reason, and equal blocks are one line. Rates are factors on the one that will be
    tuned. Runs the target's code in this process.
    """
    from widthwise.own_checks import view  # here: it needs torch

    with redirect_stdout(sys.stderr):
        found = view.description(target, optimizer, width)
    if as_json:
        tensors = [asdict(one) for one in found]
        typer.echo(json.dumps({"target": target, "optimizer": optimizer, "tensors": tensors}))
        return
    Console().print(view.described(found), soft_wrap=True)
