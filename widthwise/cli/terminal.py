"""Write what every command says, and errors that a user can act on."""

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console, RenderableType
from rich.markup import escape
from rich.measure import Measurement

from parametrization.text.visible import visible
from widthwise.client import Client
from widthwise.errors import WidthwiseError

Address = Annotated[
    str | None,
    typer.Option(
        "--address",
        envvar="WIDTHWISE_ADDRESS",
        help="Address of the service; default: the configuration file's, else where"
        " `widthwise up` of this directory serves, else http://127.0.0.1:8321.",
    ),
]

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document, for programs.")]


def _study_ids(incomplete: str) -> list[tuple[str, str]]:
    """The newest studies for a shell that completes an id; none where no service answers."""
    return studies_to_complete(incomplete)


def studies_to_complete(incomplete: str, kind: str | None = None) -> list[tuple[str, str]]:
    """Id and name of the newest studies that a shell may complete; of a `kind`, or all."""
    try:
        with Client(timeout_seconds=_COMPLETION_SECONDS) as client:
            page = next(client.study_pages(kind=kind))
    except WidthwiseError:
        return []
    found = [(str(one["id"]), visible(str(one["name"]))) for one in page["studies"]]
    return [one for one in found if one[0].startswith(incomplete)]


StudyId = Annotated[
    str,
    typer.Argument(metavar="ID", help="The study, such as std_4f6k...", autocompletion=_study_ids),
]

PIPED_COLUMNS: Final = 120
"""Width of text that is not shown on a terminal; tables take what they need."""
_UNLIMITED: Final = 10_000
_COMPLETION_SECONDS: Final = 2.0
EXIT_OF_STATE: Final = {"completed": 0, "cancelled": 1, "failed": 1, "paused": 1}
INTERRUPTED: Final = 130

out = Console(width=None if sys.stdout.isatty() else PIPED_COLUMNS)
err = Console(stderr=True)


def print_json(document: object) -> None:
    """Print what the service answered, for programs."""
    typer.echo(json.dumps(document, ensure_ascii=False, allow_nan=False))


def say_written(files: Iterable[Path], *, as_json: bool, **further: object) -> None:
    """Name the files that a command wrote; for programs with what else it has to say."""
    if as_json:
        print_json({"wrote": [str(path) for path in files], **further})
        return
    for path in files:
        typer.echo(f"wrote {path}")


def print_table(table: RenderableType) -> None:
    """Print a table as wide as the terminal is; to a file or another program, with no cell cut."""
    if out.is_terminal:
        out.print(table)
        return
    wanted = Measurement.get(out, out.options.update_width(_UNLIMITED), table).maximum
    Console(width=wanted).print(table)


@contextmanager
def said_plainly() -> Iterator[None]:
    """Errors that a user can act on leave as a line of text and status 1."""
    try:
        yield
    except WidthwiseError as error:
        err.print(f"[bold red]error:[/] {escape(str(error))}", soft_wrap=True)
        raise typer.Exit(1) from error


@contextmanager
def service(address: str | None) -> Iterator[Client]:
    """A client of the service, whose errors leave plainly."""
    with said_plainly(), Client(address) as client:
        yield client
