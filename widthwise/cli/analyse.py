"""The command that answers from a table of losses which the user already has."""

import json
from pathlib import Path
from typing import Annotated

import typer

from widthwise.cli.sweep_view import sweep_view
from widthwise.cli.terminal import out, said_plainly
from widthwise.errors import WidthwiseError
from widthwise.sweeps.analysis import Analysis, analyse, curves_of
from widthwise.sweeps.table import Table, read_table


def analyse_table(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="Losses by width and rate.")],
    target_width: Annotated[int, typer.Option(min=1, help="Width to carry the rate to.")],
    loss: Annotated[
        str | None, typer.Option(help="Column to take as the loss; default: by its name.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="PNG file to draw loss against rate into.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Say what a sweep of your own tells of a wider model's learning rate; asks no service."""
    with said_plainly():
        table = read_table(file, loss=loss)
        answers = tuple(analyse(group, target_width) for group in table.groups)
        if plot is not None:
            _draw(table, answers, plot)
    if as_json:
        out.print_json(json.dumps(_document(table, answers)), indent=None)
        return
    for answer in answers:
        out.print(sweep_view(answer), "")
    for line in table.said:
        out.print(line, style="dim")


def _document(table: Table, answers: tuple[Analysis, ...]) -> dict[str, object]:
    columns = table.columns
    return {
        "columns": {
            "width": columns.width,
            "learning_rate": columns.rate,
            "loss": columns.loss,
            "seed": columns.seed,
        },
        "rows": table.rows,
        "said": list(table.said),
        "analyses": [answer.document for answer in answers],
    }


def _draw(table: Table, answers: tuple[Analysis, ...], path: Path) -> None:
    if len(answers) > 1:
        apart = ", ".join(table.groups[0].where)
        raise WidthwiseError(
            f"the table holds {len(answers)} sweeps, by {apart}: keep the rows of one to draw it"
        )
    from widthwise.plots.sensitivity import draw_transfer  # needs matplotlib

    draw_transfer(curves_of(table.groups[0], answers[0]), path)
