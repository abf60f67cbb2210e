"""Write what every command says, and errors that a user can act on."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Final

import typer
from rich.console import Console, RenderableType
from rich.markup import escape
from rich.measure import Measurement

from widthwise.client import Client
from widthwise.errors import WidthwiseError

Address = Annotated[
    str | None,
    typer.Option(
        "--address",
        envvar="WIDTHWISE_ADDRESS",
        help="Address of the service; default: where `widthwise up` of this directory serves,"
        " else http://127.0.0.1:8321.",
    ),
]

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document, for programs.")]
StudyId = Annotated[str, typer.Argument(metavar="ID", help="The study, such as std_4f6k...")]

PIPED_COLUMNS: Final = 120
"""Width of text that is not shown on a terminal; tables take what they need."""
_UNLIMITED: Final = 10_000
EXIT_OF_STATE: Final = {"completed": 0, "cancelled": 1, "failed": 1, "paused": 1}
INTERRUPTED: Final = 130

out = Console(width=None if sys.stdout.isatty() else PIPED_COLUMNS)
err = Console(stderr=True)


def print_json(document: object) -> None:
    """Print what the service answered, for programs."""
    typer.echo(json.dumps(document, ensure_ascii=False, allow_nan=False))


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
