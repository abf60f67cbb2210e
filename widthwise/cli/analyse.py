"""The command `widthwise analyse`: an answer from a user's own table of losses."""

from pathlib import Path
from typing import Annotated

import typer

from parametrization.sweeps.analysis import Analysis, analyse, curves_of
from widthwise.cli.sweep_view import sweep_view
from widthwise.cli.terminal import Address, AsJson, out, print_json, said_plainly, service
from widthwise.errors import WidthwiseError
from widthwise.sweeps.table import Table, read_table, table_text


def analyse_table(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="Losses by width and rate.")],
    target_width: Annotated[int, typer.Option(min=1, help="Width to carry the rate to.")],
    loss: Annotated[
        str | None, typer.Option(help="Column to take as the loss; default: by its name.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="PNG file to draw loss against rate into.")
    ] = None,
    as_json: AsJson = False,
    submit: Annotated[
        bool, typer.Option("--submit", help="Store it in the service, as a completed study.")
    ] = False,
    address: Address = None,
) -> None:
    """Predict a wider model's rate from your table of losses.

    Needs no service, except with --submit.
    """
    with said_plainly():
        table = read_table(file, loss=loss)
        answers = tuple(analyse(group, target_width) for group in table.groups)
        if plot is not None:
            _draw(table, answers, plot)
    stored = _submitted(file, target_width, loss, address) if submit else {}
    if as_json:
        print_json(_document(table, answers) | stored)
        return
    for answer in answers:
        out.print(sweep_view(answer), "")
    for line in table.said:
        out.print(line, style="dim")
    for study_id, page in stored.get("stored", {}).items():
        out.print(f"stored {study_id}: {page}", soft_wrap=True)


def _submitted(
    file: Path, target_width: int, loss: str | None, address: str | None
) -> dict[str, dict[str, str]]:
    """Store the table; its studies' ids and the addresses of their pages, as `stored`."""
    with service(address) as client:
        named = {} if loss is None else {"loss": loss}
        answer = client.submit_sweep(table_text(file), target_width, name=file.name, **named)
        ids = [one["study_id"] for one in answer["sweeps"]]
        return {"stored": {study_id: client.page(study_id) for study_id in ids}}


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
