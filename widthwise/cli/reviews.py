"""The commands about recommendations that are stored: list them, approve or reject one."""

import getpass
import json
from typing import Annotated

import typer

from parametrization.recommendation.document import RecommendationDocument
from widthwise.cli import tables
from widthwise.cli.terminal import Address, err, out, service
from widthwise.client import Asked, Client
from widthwise.errors import WidthwiseError
from widthwise.loading import STORED
from widthwise.recommendation import Recommendation

RecommendationId = Annotated[
    str, typer.Argument(metavar="ID", help="The stored recommendation, such as rec_4f6k...")
]
Note = Annotated[str, typer.Option(help="Why, in one line.")]
By = Annotated[str | None, typer.Option(help="Who decides; default: your name on this machine.")]


class Answer:
    """What a command shows: a study's answer, or one that is stored.

    Args:
        source: id of a study or of a stored recommendation.
        asked: the target, of a study alone.
        store: whether the study's answer is to be stored first.

    """

    def __init__(self, client: Client, source: str, asked: Asked, *, store: bool) -> None:
        given = {name: value for name, value in asked.items() if value is not None}
        if source.startswith(STORED):
            if given or store:
                raise WidthwiseError(
                    f"{source} is stored, for one target: leave out"
                    f" {' and '.join([*given, *['--store'] * store])}, or name its study"
                )
        elif store:
            stored = client.store_recommendation(source, **asked)
            source = str(stored["id"])
            err.print(f"stored as {source}, sha256 {stored['sha256']}", soft_wrap=True)
        self._client, self._source, self._asked = client, source, asked
        self._is_stored = source.startswith(STORED)

    @property
    def document(self) -> RecommendationDocument:
        """The answer as a record."""
        if self._is_stored:
            found = self._client.stored_recommendation(self._source)["recommendation"]
        else:
            found = self._client.recommendation(self._source, **self._asked)
        return Recommendation.from_document(found).document

    def text(self, form: str) -> str:
        """The answer as the service writes it."""
        if self._is_stored:
            return self._client.stored_recommendation_text(self._source, form)
        return self._client.recommendation_text(self._source, form, **self._asked)


def recommendations(  # one parameter an option
    family: Annotated[str | None, typer.Option(help="Only of this model family.")] = None,
    optimizer: Annotated[str | None, typer.Option(help="Only of this optimizer.")] = None,
    width: Annotated[int | None, typer.Option(min=1, help="Only for this target width.")] = None,
    study: Annotated[str | None, typer.Option(help="Only of this study.")] = None,
    state: Annotated[
        str | None, typer.Option(help="Only those: pending, approved or rejected.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    address: Address = None,
) -> None:
    """List the stored recommendations of all studies, newest first."""
    with service(address) as client:
        found = list(
            client.recommendations(
                family=family, optimizer=optimizer, width=width, study=study, state=state
            )
        )
    if as_json:
        typer.echo(json.dumps({"recommendations": found}))
    else:
        out.print(tables.recommendations(found))


def approve(
    recommendation_id: RecommendationId, note: Note, by: By = None, address: Address = None
) -> None:
    """Approve a stored recommendation, once and for good."""
    with service(address) as client:
        _say(client.approve(recommendation_id, by=by or getpass.getuser(), note=note))


def reject(
    recommendation_id: RecommendationId, note: Note, by: By = None, address: Address = None
) -> None:
    """Reject a stored recommendation, once and for good."""
    with service(address) as client:
        _say(client.reject(recommendation_id, by=by or getpass.getuser(), note=note))


def _say(stored: dict[str, object]) -> None:
    typer.echo(f"{stored['id']} is {stored['state']}")
