"""The `widthwise` command: everything it knows, it asks the service over HTTP."""

from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from parametrization.recommendation.document import RecommendationDocument
from widthwise.cli import tables
from widthwise.cli.analyse import analyse_table
from widthwise.cli.external.post_check import post_check
from widthwise.cli.plans.preview import preview
from widthwise.cli.recommendations import commands as reviews
from widthwise.cli.recommendations.recommend import recommend
from widthwise.cli.reports import side_by_side
from widthwise.cli.reports.usage import usage
from widthwise.cli.shapes import shapes
from widthwise.cli.spec_file import read_spec
from widthwise.cli.studies import commands as listing
from widthwise.cli.studies import exchange
from widthwise.cli.terminal import (
    EXIT_OF_STATE,
    INTERRUPTED,
    Address,
    StudyId,
    err,
    out,
    said_plainly,
    service,
)
from widthwise.cli.tune import tune
from widthwise.cli.up import ANY_OPTION, become_service, keys
from widthwise.cli.watch import watch_study
from widthwise.cli.webhooks.commands import app as webhooks
from widthwise.client import Asked, Client, Document
from widthwise.own_checks.command import check, describe
from widthwise.recommendation import Recommendation

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"widthwise {version('widthwise')}")
        raise typer.Exit


@app.callback()
def main(
    _: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the release and end."
        ),
    ] = False,
) -> None:
    """Tune narrow, train wide: hyperparameter transfer for large neural networks."""


@app.command()
def up(
    data_dir: Annotated[
        Path | None,
        typer.Option(help="Where everything is kept; default: widthwise-data."),
    ] = None,
    host: Annotated[
        str | None, typer.Option(help="Interface to serve on; default: 127.0.0.1.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to serve on; default: 8321; 0 takes a free one.")
    ] = None,
    slots: Annotated[
        int | None, typer.Option(min=1, help="Trials at a time; default: one per core.")
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(
            metavar="local|ray",
            help="Where trials train: on this machine, or on the Ray cluster of RAY_ADDRESS."
            " Default: ray where RAY_ADDRESS is set.",
        ),
    ] = None,
    plugin: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE.py[:Task]", help="A task that studies can name; may be repeated."
        ),
    ] = None,
    dataset_dir: Annotated[
        list[str] | None,
        typer.Option(
            help="A directory, or a prefix such as s3://bucket/data, that studies may name data"
            " files in; may be repeated."
        ),
    ] = None,
) -> None:
    """Run the service here: API, pages, tuner and workers, until Ctrl-C."""
    given: dict[str, object] = {
        "--data-dir": data_dir,
        "--host": host,
        "--port": port,
        "--slots": slots,
        "--engine": engine,
    }
    options = [f"{name}={value}" for name, value in given.items() if value is not None]
    with said_plainly():
        options += [f"--plugin={task}" for task in plugin or ()]
        options += [f"--dataset-dir={directory}" for directory in dataset_dir or ()]
        become_service(options)


app.command(context_settings=ANY_OPTION)(keys)
app.command()(tune)
app.command(name="analyse")(analyse_table)


app.command()(said_plainly()(shapes))
app.command(name="post-check")(post_check)
app.command()(said_plainly()(check))
app.command()(said_plainly()(describe))


app.command()(preview)


@app.command()
def submit(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="YAML or JSON; - reads stdin.")],
    watch: Annotated[bool, typer.Option("--watch", help="Stay and watch it.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the id alone.")] = False,
    address: Address = None,
) -> None:
    """Queue a study."""
    with service(address) as client:
        study = client.submit(read_spec(file))
        if quiet:
            typer.echo(study["id"])
        else:
            out.print(tables.submitted(study, client.page(study["id"])), soft_wrap=True)
        if watch:
            _watch(client, study["id"])


@app.command()
def watch(study_id: StudyId, address: Address = None) -> None:
    """Watch a study until it is over; Ctrl-C stops watching, not the study."""
    with service(address) as client:
        _watch(client, study_id)


app.command()(listing.studies)
app.command()(listing.projects)
app.command()(listing.edit)
app.command()(usage)
app.command()(side_by_side.diff)
app.command()(side_by_side.search)
app.add_typer(webhooks, name="webhooks")
app.command(name="export-optuna")(exchange.export_optuna)
app.command()(exchange.importances)
app.command()(exchange.enqueue)
app.command(name="import-trials")(exchange.import_trials)
app.command()(recommend)
app.command()(reviews.recommendations)
app.command()(reviews.approve)
app.command()(reviews.reject)


@app.command()
def plot(
    study_id: StudyId,
    output: Annotated[Path, typer.Option(help="PNG file to write.")],
    optimizer: Annotated[
        str | None, typer.Option(help="Which of the study's optimizers; default: its first.")
    ] = None,
    address: Address = None,
) -> None:
    """Draw loss against learning rate by width, as far as it is measured."""
    with service(address) as client:
        from widthwise.plots.sensitivity import draw_transfer  # here: it needs matplotlib

        draw_transfer(client.sensitivity(study_id), output, optimizer=optimizer)
        typer.echo(f"wrote {output}")


@app.command()
def compare(
    study_id: StudyId,
    output: Annotated[Path, typer.Option(help="PNG file to write.")],
    address: Address = None,
) -> None:
    """Draw loss and parameter norm per step, each optimizer at its best measured rate."""
    with service(address) as client:
        from widthwise.plots import training as plot  # here: it needs matplotlib

        best = plot.best_rates(_recommendation(client, study_id, {}))
        numbers = [number for chosen in best.values() for number in chosen.numbers]
        curves = client.curves(study_id, numbers=numbers, metrics=list(plot.PANELS))
        plot.draw_training(best, curves, output)
        typer.echo(f"wrote {output}")


@app.command()
def cancel(study_id: StudyId, address: Address = None) -> None:
    """End a study for good; what it has learned stays."""
    with service(address) as client:
        _say(client.cancel(study_id))


@app.command()
def pause(study_id: StudyId, address: Address = None) -> None:
    """Stop a study's work until it is resumed."""
    with service(address) as client:
        _say(client.pause(study_id))


@app.command()
def resume(study_id: StudyId, address: Address = None) -> None:
    """Go on with a paused study."""
    with service(address) as client:
        _say(client.resume(study_id))


def _recommendation(client: Client, study_id: str, asked: Asked) -> RecommendationDocument:
    return Recommendation.from_document(client.recommendation(study_id, **asked)).document


def _watch(client: Client, study_id: str) -> None:
    try:
        study = watch_study(client, study_id, out)
    except KeyboardInterrupt:
        err.print(f"\nStopped watching; the study goes on: widthwise watch {study_id}")
        raise typer.Exit(INTERRUPTED) from None
    raise typer.Exit(EXIT_OF_STATE[study["state"]])


def _say(study: Document) -> None:
    typer.echo(f"{study['id']} is {study['state']}")
