"""The commands that list studies and projects, and edit a study's labels and priority."""

import datetime as dt
from typing import Annotated

import typer

from widthwise.cli import tables
from widthwise.cli.terminal import (
    Address,
    AsJson,
    StudyId,
    out,
    print_json,
    print_table,
    service,
)
from widthwise.errors import WidthwiseError

Labels = Annotated[
    list[str] | None,
    typer.Option("--label", metavar="NAME[=VALUE]", help="A label; may be repeated."),
]
Day = Annotated[dt.datetime | None, typer.Option(help="A local date, or date and time.")]


def studies(  # noqa: PLR0913  # one parameter an option
    state: Annotated[
        list[str] | None, typer.Option(help="Only those in this state; may be repeated.")
    ] = None,
    project: Annotated[str | None, typer.Option(help="Only those of this project.")] = None,
    labels: Labels = None,
    family: Annotated[str | None, typer.Option(help="Only of this model family.")] = None,
    optimizer: Annotated[str | None, typer.Option(help="Only those that tune this one.")] = None,
    name: Annotated[str | None, typer.Option(help="Only those with this in their name.")] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            metavar="check|search", help="Only those that stop after their check, or not."
        ),
    ] = None,
    created_after: Day = None,
    created_before: Day = None,
    as_json: AsJson = False,
    address: Address = None,
) -> None:
    """List the studies, newest first.

    Those that cannot be read have the reason.
    """
    with service(address) as client:
        pages = list(
            client.study_pages(
                state,
                project=project,
                labels=_labels(labels),
                family=family,
                optimizer=optimizer,
                name=name,
                kind=kind,
                created_after=created_after,
                created_before=created_before,
            )
        )
        readable = [study for page in pages for study in page["studies"]]
        unreadable = [study for page in pages for study in page.get("unreadable", ())]
        if as_json:
            print_json({"studies": readable, "unreadable": unreadable})
            return
        if readable or not unreadable:
            print_table(tables.studies(readable))
        if unreadable:
            out.print(tables.unreadable_studies(unreadable), soft_wrap=True)


def projects(as_json: AsJson = False, address: Address = None) -> None:
    """List the projects that studies belong to."""
    with service(address) as client:
        found = client.projects()
        if as_json:
            print_json({"projects": found})
        else:
            print_table(tables.projects(found))


def edit(  # noqa: PLR0913  # one parameter an option
    study_id: StudyId,
    priority: Annotated[int | None, typer.Option(help="Higher runs first.")] = None,
    project: Annotated[str | None, typer.Option(help='Its project; "" for none.')] = None,
    labels: Labels = None,
    remove_label: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A label to remove.")
    ] = None,
    if_version: Annotated[
        int | None, typer.Option(help="Only if the study still has this version.")
    ] = None,
    as_json: AsJson = False,
    address: Address = None,
) -> None:
    """Change a study's priority, project or labels."""
    with service(address) as client:
        given = _labels(labels)
        if bare := [name for name, value in given.items() if value is None]:
            raise WidthwiseError(f"--label {bare[0]} has no value: write --label {bare[0]}=VALUE")
        study = client.edit(
            study_id,
            priority=priority,
            project=project,
            labels=given | dict.fromkeys(remove_label or ()),
            if_version=if_version,
        )
        if as_json:
            print_json(study)
            return
        said = " ".join(f"{name}={value}" for name, value in study["labels"].items())
        of = f" of {study['project']}" if study["project"] else ""
        typer.echo(f"{study['id']}{of} has priority {study['priority']} {said}".rstrip())


def _labels(given: list[str] | None) -> dict[str, str | None]:
    split = (label.partition("=") for label in given or ())
    return {name: value if equals else None for name, equals, value in split}
