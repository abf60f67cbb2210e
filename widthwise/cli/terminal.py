"""What every command writes to, and how errors that a user can act on leave."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.markup import escape

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

PIPED_COLUMNS: Final = 120
"""Width of what is not shown on a terminal: lines that a program reads are not cut."""
EXIT_OF_STATE: Final = {"completed": 0, "cancelled": 1, "failed": 1, "paused": 1}
INTERRUPTED: Final = 130

out = Console(width=None if sys.stdout.isatty() else PIPED_COLUMNS)
err = Console(stderr=True)


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
