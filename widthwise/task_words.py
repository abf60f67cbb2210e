"""Messages about errors that a task's own code raised."""

import traceback
from pathlib import Path
from typing import Final

from parametrization.text.errors import error_text
from parametrization.text.visible import visible

_LONGEST: Final = 600


class TaskRefused(Exception):
    """A task cannot be used.

    Attributes:
        problems: all problems of the task, each with its remedy.
        proposals: roles to declare by parameter name, as Python source; may be empty.

    """

    def __init__(self, *problems: str, proposals: dict[str, str] | None = None) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
        self.proposals = proposals or {}


_REMEDIES: Final[tuple[tuple[type[BaseException], str, str], ...]] = (
    (
        SystemExit,
        "",
        "put whatever trains or reads arguments below `if __name__ == '__main__':`",
    ),
    (
        ImportError,
        "relative import",
        "the file is imported by itself, so write `from helper import x` for helper.py beside it,"
        " or install its package",
    ),
    (
        ModuleNotFoundError,
        "",
        "install it in the environment that widthwise runs in, or put it beside the file",
    ),
)
"""By the type of what importing raised and a part of its text: what to change in the file."""


def import_words(error: BaseException, path: Path) -> str:
    """The message that a file cannot be imported: reason, place and remedy."""
    words = f"importing {path.name} failed: {raised_words(error, path.parent)}"
    for kind, part, remedy in _REMEDIES:
        if isinstance(error, kind) and part in error_text(error):
            return f"{words}: {remedy}"
    return words


def called_words(what: str, error: BaseException, folder: Path, *arguments: object) -> str:
    """The message that a task's method raised: reason, place, and the width of a model."""
    words = f"{what} raised {raised_words(error, folder)}"
    if "cuda" in error_text(error).lower():
        return (
            f"{words}: leave out devices (`.to`, `.cuda`, `device=`), models and batches are moved"
            " for you"
        )
    if what != "model" or not arguments:
        return words
    return (
        f"{words}, at width {arguments[0]}: if only some widths will do, as multiples of a head's"
        " size, say so by width_divisor, and choose base_width among them"
    )


def raised_words(error: BaseException, folder: Path) -> str:
    """The error's type and text, and the last line below `folder` that led to it.

    An error inside a library is attributed to the task's own line too.
    """
    text = visible(" ".join(error_text(error)[:_LONGEST].split()))
    words = f"{type(error).__name__}: {text}" if text else type(error).__name__
    if isinstance(error, SyntaxError):
        file = Path(error.filename or "?").name
        return f"{type(error).__name__}: {visible(str(error.msg))} ({file}, line {error.lineno})"
    own = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).is_relative_to(folder)
    ]
    if not own:
        return words
    last = own[-1]
    name = Path(last.filename).relative_to(folder)
    return f"{words} ({name}, line {last.lineno}, in {last.name})"
