"""Output, errors and options that all commands share."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console, RenderableType
from rich.markup import escape
from rich.measure import Measurement

from parametrization.text.visible import visible
from parametrization.text.whole import whole_number
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
    """Ids of the newest studies for shell completion; none where no service answers."""
    return studies_to_complete(incomplete)


def studies_to_complete(incomplete: str, kind: str | None = None) -> list[tuple[str, str]]:
    """Ids and names of the newest studies, of one `kind` or all, for shell completion."""
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
    """Print a document as one line of JSON."""
    typer.echo(json.dumps(document, ensure_ascii=False, allow_nan=False))


def say_written(files: Iterable[Path], *, as_json: bool, **further: object) -> None:
    """Print the paths that a command wrote; with `as_json` in a document with `further` fields."""
    if as_json:
        print_json({"wrote": [str(path) for path in files], **further})
        return
    for path in files:
        typer.echo(f"wrote {path}")


def write_text(path: Path, text: str) -> None:
    """Write a file.

    Raises:
        WidthwiseError: if it cannot be written.

    """
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise WidthwiseError(f"cannot write {path}: {error.strerror}") from error


def say_state(document: Mapping[str, object], as_json: bool) -> None:
    """Print the state that a study, check or recommendation now has, or all of its document."""
    if as_json:
        print_json(document)
    else:
        typer.echo(f"{document['id']} is {document['state']}")


def print_table(table: RenderableType) -> None:
    """Print a table as wide as the terminal; without a terminal, as wide as its cells."""
    if out.is_terminal:
        out.print(table)
        return
    wanted = Measurement.get(out, out.options.update_width(_UNLIMITED), table).maximum
    Console(width=wanted).print(table)


@contextmanager
def said_plainly() -> Iterator[None]:
    """End the command with a line of text and status 1 at a `WidthwiseError`."""
    try:
        yield
    except WidthwiseError as error:
        err.print(f"[bold red]error:[/] {escape(str(error))}", soft_wrap=True)
        raise typer.Exit(1) from error


@contextmanager
def service(address: str | None) -> Iterator[Client]:
    """A client of the service; its errors end the command as `said_plainly` does."""
    with said_plainly(), Client(address) as client:
        yield client


def token_count(text: str) -> int:
    """A number of tokens as people write it: 1e11 too.

    Raises:
        typer.BadParameter: if it is none.

    """
    number = whole_number(text)
    if number is None or number < 1:
        raise typer.BadParameter(f"{text!r} is no number of tokens: write 100000000000 or 1e11")
    return number
