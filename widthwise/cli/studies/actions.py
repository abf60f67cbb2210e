"""The commands that submit, watch, cancel, pause, resume and retry a study."""

from pathlib import Path
from typing import Annotated

import typer

from widthwise.cli import tables
from widthwise.cli.spec_file import read_spec
from widthwise.cli.terminal import (
    EXIT_OF_STATE,
    INTERRUPTED,
    Address,
    AsJson,
    StudyId,
    err,
    out,
    print_json,
    say_state,
    service,
)
from widthwise.cli.watch import watch_study
from widthwise.client import Client


def submit(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="YAML or JSON; - reads stdin.")],
    watch: Annotated[bool, typer.Option("--watch", help="Watch it until it is over.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the id alone.")] = False,
    as_json: AsJson = False,
    address: Address = None,
) -> None:
    """Queue a study."""
    with service(address) as client:
        study = client.submit(read_spec(file))
        shown = err if as_json else out
        if quiet and not as_json:
            typer.echo(study["id"])
        elif watch or not as_json:
            shown.print(tables.submitted(study, client.page(study["id"])), soft_wrap=True)
        if watch:
            _watch(client, study["id"], as_json=as_json)
        elif as_json:
            print_json(study)


def watch(study_id: StudyId, as_json: AsJson = False, address: Address = None) -> None:
    """Watch a study until it is over.

    Ctrl-C stops watching, not the study.
    """
    with service(address) as client:
        _watch(client, study_id, as_json=as_json)


def cancel(study_id: StudyId, as_json: AsJson = False, address: Address = None) -> None:
    """End a study for good; its results stay."""
    with service(address) as client:
        say_state(client.cancel(study_id), as_json)


def pause(study_id: StudyId, as_json: AsJson = False, address: Address = None) -> None:
    """Stop a study's work until it is resumed."""
    with service(address) as client:
        say_state(client.pause(study_id), as_json)


def resume(study_id: StudyId, as_json: AsJson = False, address: Address = None) -> None:
    """Go on with a paused study."""
    with service(address) as client:
        say_state(client.resume(study_id), as_json)


def retry(study_id: StudyId, as_json: AsJson = False, address: Address = None) -> None:
    """Continue a failed study in the phase in which it failed."""
    with service(address) as client:
        say_state(client.retry(study_id), as_json)


def _watch(client: Client, study_id: str, *, as_json: bool) -> None:
    """Watch to the end; with `as_json` progress goes to stderr, and the study to stdout."""
    try:
        study = watch_study(client, study_id, err if as_json else out)
    except KeyboardInterrupt:
        err.print(f"\nStopped watching; the study goes on: widthwise watch {study_id}")
        raise typer.Exit(INTERRUPTED) from None
    if as_json:
        print_json(study)
    raise typer.Exit(EXIT_OF_STATE[study["state"]])
