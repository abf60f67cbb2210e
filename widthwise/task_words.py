"""Say in one line what a task's own code raised, and where."""

import traceback
from pathlib import Path
from typing import Final

from parametrization.text.visible import visible

_LONGEST: Final = 600


class TaskRefused(Exception):
    """A task cannot be used.

    Attributes:
        problems: everything that is wrong with it, each with what to change.
        proposals: roles to declare, as they can be pasted, by parameter name; may be empty.

    """

    def __init__(self, *problems: str, proposals: dict[str, str] | None = None) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
        self.proposals = proposals or {}


def raised_words(error: BaseException, folder: Path) -> str:
    """The error's type and text, and the last line below `folder` that led to it.

    What happened deeper, inside a library, has the task's own line to blame all the same.
    """
    text = visible(" ".join(str(error).split()))[:_LONGEST]
    words = f"{type(error).__name__}: {text}" if text else type(error).__name__
    if isinstance(error, SyntaxError):
        return f"{words} ({Path(error.filename or '?').name}, line {error.lineno})"
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
