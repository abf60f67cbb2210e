"""The `widthwise` command line: a client of the service's HTTP API."""

from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from widthwise.cli.analyse import analyse_table
from widthwise.cli.checks.commands import app as checks
from widthwise.cli.configuration.command import config
from widthwise.cli.configuration.option_defaults import SERVICE_COMMANDS, option_defaults
from widthwise.cli.external.post_check import post_check
from widthwise.cli.plans.preview import preview
from widthwise.cli.recommendations import commands as reviews
from widthwise.cli.recommendations.recommend import recommend
from widthwise.cli.reports import drawings, side_by_side, standing
from widthwise.cli.reports.usage import usage
from widthwise.cli.shapes import shapes
from widthwise.cli.studies import actions, exchange
from widthwise.cli.studies import commands as listing
from widthwise.cli.terminal import said_plainly
from widthwise.cli.tune import tune
from widthwise.cli.up import ANY_OPTION, become_service, keys
from widthwise.cli.webhooks.commands import app as webhooks
from widthwise.configuration.file import read_configuration
from widthwise.own_checks.command import check, describe

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"widthwise {version('widthwise')}")
        raise typer.Exit


@app.callback()
def main(
    context: typer.Context,
    _: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the release and end."
        ),
    ] = False,
) -> None:
    """Tune narrow, train wide: hyperparameter transfer for large neural networks."""
    if context.invoked_subcommand in SERVICE_COMMANDS:
        return
    with said_plainly():
        context.default_map = option_defaults(read_configuration(), context.command)


@app.command()
def up(  # noqa: PLR0913  # one parameter an option
    data_dir: Annotated[
        Path | None,
        typer.Option(help="Directory of all data; default: widthwise-data."),
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
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print one line of JSON: url, data directory and pid."),
    ] = False,
) -> None:
    """Run API, pages, tuner and workers here, until Ctrl-C."""
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
        options += ["--json"] if as_json else []
        become_service(options)


app.command(context_settings=ANY_OPTION)(keys)
app.command()(tune)
app.command(name="analyse")(analyse_table)
app.command()(said_plainly()(shapes))
app.command(name="post-check")(post_check)
app.command()(said_plainly()(check))
app.command()(said_plainly()(describe))
app.add_typer(checks, name="checks")
app.command()(preview)
app.command()(actions.submit)
app.command()(actions.watch)
app.command()(actions.cancel)
app.command()(actions.pause)
app.command()(actions.resume)
app.command()(actions.retry)
app.command()(listing.studies)
app.command()(listing.projects)
app.command()(listing.edit)
app.command()(standing.show)
app.command()(standing.trials)
app.command()(standing.queue)
app.command()(standing.workers)
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
app.command()(reviews.changes)
app.command()(reviews.approve)
app.command()(reviews.reject)
app.command()(drawings.plot)
app.command()(drawings.compare)
app.command()(config)
