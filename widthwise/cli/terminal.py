"""What every command writes to, and how errors that a user can act on leave."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import typer
from rich.console import Console
from rich.markup import escape

from widthwise.errors import WidthwiseError

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
