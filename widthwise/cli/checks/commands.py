"""The commands `widthwise checks ...`, for coordinate checks that stand alone."""

from pathlib import Path
from typing import Annotated, Final

import typer

from widthwise.cli.checks.view import check_list, check_view
from widthwise.cli.plans.preview import preview_view
from widthwise.cli.spec_file import read_spec
from widthwise.cli.terminal import (
    INTERRUPTED,
    Address,
    AsJson,
    err,
    out,
    print_json,
    print_table,
    say_state,
    service,
    studies_to_complete,
)
from widthwise.cli.watch import watch_study
from widthwise.client import Client

app = typer.Typer(
    no_args_is_help=True,
    help="Run, list, show, pause and cancel coordinate checks.",
)
EXIT_OF_OUTCOME: Final = {"passed": 0, "failed": 1, "inconclusive": 2, None: 2}


def _check_ids(incomplete: str) -> list[tuple[str, str]]:
    """The newest checks for a shell that completes an id; none where no service answers."""
    return studies_to_complete(incomplete, kind="check")


CheckId = Annotated[
    str,
    typer.Argument(metavar="ID", help="The check, such as std_4f6k...", autocompletion=_check_ids),
]

File = Annotated[
    Path,
    typer.Argument(metavar="FILE", help="YAML or JSON: what to check, or a study; - reads stdin."),
]


@app.command()
def run(
    file: File,
    wait: Annotated[
        bool, typer.Option(help="Wait until it is over, and print the outcome.")
    ] = True,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the id alone.")] = False,
    as_json: AsJson = False,
    address: Address = None,
) -> None:
    """Check a model in the service, without a search.

    Exit status: 0 passed, 1 failed or refused, 2 undecided, or ended without a verdict.
    """
    with service(address) as client:
        check = client.submit_check(read_spec(file))
        if quiet and not as_json:
            typer.echo(check.id)
        if not wait:
            if as_json:
                print_json(check)
            elif not quiet:
                out.print(f"submitted {check.id}\nread it    widthwise checks show {check.id}")
            return
        _follow(client, check.id)
        found = client.check(check.id)
        if as_json:
            print_json(found)
        elif not quiet:
            out.print(check_view(found))
        raise typer.Exit(EXIT_OF_OUTCOME[found["outcome"]])


@app.command(name="list")
def list_all(
    state: Annotated[
        list[str] | None, typer.Option(help="Only those in this state; may be repeated.")
    ] = None,
    project: Annotated[str | None, typer.Option(help="Only those of this project.")] = None,
    family: Annotated[str | None, typer.Option(help="Only of this model family.")] = None,
    optimizer: Annotated[str | None, typer.Option(help="Only those that check this one.")] = None,
    name: Annotated[str | None, typer.Option(help="Only those with this in their name.")] = None,
    as_json: AsJson = False,
    address: Address = None,
) -> None:
    """List the checks and their outcomes, newest first."""
    with service(address) as client:
        found = list(
            client.checks(state, project=project, family=family, optimizer=optimizer, name=name)
        )
        if as_json:
            print_json({"checks": found})
        else:
            print_table(check_list(found))


@app.command()
def show(check_id: CheckId, as_json: AsJson = False, address: Address = None) -> None:
    """Show a check: verdict, likely causes, failing slopes."""
    with service(address) as client:
        found = client.check(check_id)
        if as_json:
            print_json(found)
        else:
            out.print(check_view(found))


@app.command()
def preview(
    file: File,
    as_json: AsJson = False,
    address: Address = None,
) -> None:
    """Show what a check would run: widths, seeds, FLOPs and time."""
    with service(address) as client:
        found = client.preview_check(read_spec(file))
    if as_json:
        print_json(found)
    else:
        out.print(preview_view(found))


@app.command()
def cancel(check_id: CheckId, as_json: AsJson = False, address: Address = None) -> None:
    """End a check for good, without a verdict."""
    with service(address) as client:
        say_state(client.cancel_check(check_id), as_json)


@app.command()
def pause(check_id: CheckId, as_json: AsJson = False, address: Address = None) -> None:
    """Stop a check's work until it is resumed."""
    with service(address) as client:
        say_state(client.pause_check(check_id), as_json)


@app.command()
def resume(check_id: CheckId, as_json: AsJson = False, address: Address = None) -> None:
    """Go on with a paused check."""
    with service(address) as client:
        say_state(client.resume_check(check_id), as_json)


@app.command()
def retry(check_id: CheckId, as_json: AsJson = False, address: Address = None) -> None:
    """Start a failed check again."""
    with service(address) as client:
        say_state(client.retry_check(check_id), as_json)


def _follow(client: Client, check_id: str) -> None:
    try:
        watch_study(client, check_id, err)
    except KeyboardInterrupt:
        err.print(f"\nStopped waiting; the check goes on: widthwise checks show {check_id}")
        raise typer.Exit(INTERRUPTED) from None
