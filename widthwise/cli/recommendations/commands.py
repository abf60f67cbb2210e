"""The commands about stored recommendations: list, compare, approve and reject them."""

import getpass
from typing import Annotated

import typer

from parametrization.text.visible import visible
from widthwise.cli import tables
from widthwise.cli.terminal import Address, AsJson, out, print_json, print_table, say_state, service

RecommendationId = Annotated[
    str, typer.Argument(metavar="ID", help="The stored recommendation, such as rec_4f6k...")
]
Note = Annotated[str, typer.Option(help="Why, in one line.")]
By = Annotated[str | None, typer.Option(help="Who decides; default: your name on this machine.")]


def recommendations(  # one parameter an option
    family: Annotated[str | None, typer.Option(help="Only of this model family.")] = None,
    optimizer: Annotated[str | None, typer.Option(help="Only of this optimizer.")] = None,
    width: Annotated[int | None, typer.Option(min=1, help="Only for this target width.")] = None,
    study: Annotated[str | None, typer.Option(help="Only of this study.")] = None,
    state: Annotated[
        str | None, typer.Option(help="Only those: pending, approved or rejected.")
    ] = None,
    as_json: AsJson = False,
    address: Address = None,
) -> None:
    """List stored recommendations, newest first."""
    with service(address) as client:
        found = list(
            client.recommendations(
                family=family, optimizer=optimizer, width=width, study=study, state=state
            )
        )
    if as_json:
        print_json({"recommendations": found})
    else:
        print_table(tables.recommendations(found))


def approve(
    recommendation_id: RecommendationId,
    note: Note,
    by: By = None,
    as_json: AsJson = False,
    address: Address = None,
) -> None:
    """Approve a stored recommendation, once and for good."""
    with service(address) as client:
        said = client.approve(recommendation_id, by=by or getpass.getuser(), note=note)
        say_state(said, as_json)


def reject(
    recommendation_id: RecommendationId,
    note: Note,
    by: By = None,
    as_json: AsJson = False,
    address: Address = None,
) -> None:
    """Reject a stored recommendation, once and for good."""
    with service(address) as client:
        said = client.reject(recommendation_id, by=by or getpass.getuser(), note=note)
        say_state(said, as_json)


def changes(
    recommendation_id: RecommendationId, as_json: AsJson = False, address: Address = None
) -> None:
    """Compare a stored recommendation with today's answer."""
    with service(address) as client:
        found = client.changes(recommendation_id)
        if as_json:
            print_json(found)
        elif found["changes"] is None:
            out.print(f"the study has no answer for this target now: {found['problem']}")
        else:
            for line in found["changes"]["words"]:
                out.print(visible(line), soft_wrap=True, markup=False, highlight=False)
