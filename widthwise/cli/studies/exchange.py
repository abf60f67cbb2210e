"""The commands that export trials to Optuna, and give a search trials to start from."""

from pathlib import Path
from typing import Annotated

import typer

from widthwise.cli.terminal import Address, AsJson, StudyId, print_json, service
from widthwise.errors import WidthwiseError

ForOptimizer = Annotated[
    str | None,
    typer.Option("--optimizer", help="One of the study's optimizers; default: its first."),
]


def export_optuna(
    study_id: StudyId,
    output: Annotated[
        Path | None, typer.Option(help="File to write; default: ID.optuna.log.")
    ] = None,
    as_json: AsJson = False,
    address: Address = None,
) -> None:
    """Write a study's trials as an Optuna storage."""
    with service(address) as client:
        written = client.export_optuna(study_id, output or Path(f"{study_id}.optuna.log"))
        if as_json:
            print_json({"wrote": [str(written)]})
            return
        typer.echo(f"wrote {written}: open it with optuna-dashboard {written}")


def importances(study_id: StudyId, as_json: AsJson = False, address: Address = None) -> None:
    """Show the importance of each searched hyperparameter."""
    with service(address) as client:
        found = client.importances(study_id)
        if as_json:
            print_json(found)
            return
        for one in found["optimizers"]:
            shares = one["importances"] or {}
            words = ", ".join(f"{name} {100 * share:.0f} %" for name, share in shares.items())
            typer.echo(f"{one['optimizer']} ({one['trials']} trials): {words or one['reason']}")


def enqueue(
    study_id: StudyId,
    hyperparameters: Annotated[
        list[str], typer.Argument(metavar="NAME=VALUE...", help="Such as learning_rate=0.004.")
    ],
    optimizer: ForOptimizer = None,
    as_json: AsJson = False,
    address: Address = None,
) -> None:
    """Have the search train these hyperparameters next."""
    with service(address) as client:
        given = client.enqueue(study_id, _numbers(hyperparameters), optimizer=optimizer)
        if as_json:
            print_json(given)
        else:
            typer.echo(f"{given['new']} to train next, {given['known']} known before")


def import_trials(  # noqa: PLR0913  # one parameter an option
    study_id: StudyId,
    source: Annotated[
        str,
        typer.Argument(metavar="FILE|ID", help="CSV, Optuna journal or SQLite; another study."),
    ],
    name: Annotated[
        list[str] | None,
        typer.Option(metavar="THEIRS=OURS", help="A hyperparameter's name here; may be repeated."),
    ] = None,
    value_column: Annotated[
        str, typer.Option(help="Column of a CSV with the trials' results.")
    ] = "value",
    optuna_study: Annotated[
        str | None, typer.Option(help="Name of the study in an Optuna storage.")
    ] = None,
    optimizer: ForOptimizer = None,
    as_json: AsJson = False,
    address: Address = None,
) -> None:
    """Import earlier trials for the search to learn from."""
    pairs = [one.partition("=") for one in name or ()]
    with service(address) as client:
        try:
            given = client.import_trials(
                study_id,
                source,
                names={theirs: ours for theirs, _, ours in pairs},
                value_column=value_column,
                optuna_study=optuna_study,
                optimizer=optimizer,
            )
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise WidthwiseError(f"cannot read {source}: {why}") from error
        if as_json:
            print_json(given)
            return
        typer.echo(
            f"{given['new']} trials to learn from, {given['known']} known before,"
            f" {given['left_out']} left out"
        )
        for one in given["left_out_first"]:
            typer.echo(f"  {one['name']}: {one['reason']}")


def _numbers(given: list[str]) -> dict[str, float]:
    numbers = {}
    for one in given:
        name, _, value = one.partition("=")
        try:
            numbers[name] = float(value)
        except ValueError:
            raise WidthwiseError(f"{one} is not NAME=NUMBER, such as learning_rate=0.004") from None
    return numbers
