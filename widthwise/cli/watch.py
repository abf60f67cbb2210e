"""Watch a study: live on a terminal, line by line anywhere else."""

import time
from typing import Any, Final, Protocol, Self

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from parametrization.text.visible import visible
from widthwise.cli.progress import progress_line, progress_view, state_text
from widthwise.client import Client
from widthwise.errors import WidthwiseError
from widthwise.following import follow

_LINE_EVERY_SECONDS: Final = 5.0


def watch_study(
    client: Client, study_id: str, console: Console, *, until_paused: bool = False
) -> dict[str, Any]:
    """Show the study until it is over, and return its final document.

    Args:
        until_paused: stop watching a study that is paused, too.

    """
    view: _View = _LiveView(console) if console.is_terminal else _LineView(console)
    with view:
        for study in follow(client, study_id, on_interruption=view.interrupted):
            view.show(study)
            if until_paused and study["state"] == "paused":
                break
    reason = f": {visible(study['reason'])}" if study["reason"] else ""
    console.print(Text.assemble(state_text(study), reason), soft_wrap=True)
    return study


class _View(Protocol):
    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...
    def show(self, study: dict[str, Any]) -> None: ...
    def interrupted(self, problem: WidthwiseError) -> None: ...


class _LiveView:
    """Bars that are redrawn in place; the time left counts down between answers."""

    def __init__(self, console: Console) -> None:
        self._study: dict[str, Any] | None = None
        self._seen = 0.0
        self._interruption = ""
        self._live = Live(
            console=console, get_renderable=self._picture, refresh_per_second=4, transient=False
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, study: dict[str, Any]) -> None:
        self._study, self._seen, self._interruption = study, time.monotonic(), ""

    def interrupted(self, problem: WidthwiseError) -> None:
        self._interruption = str(problem).splitlines()[0]

    def _picture(self) -> RenderableType:
        if self._study is None:
            return Text("")
        age = time.monotonic() - self._seen
        return progress_view(self._study, age_seconds=age, interruption=self._interruption)


class _LineView:
    """A line for every change of state, and otherwise one every few seconds."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._state = ""
        self._line = ""
        self._said = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def show(self, study: dict[str, Any]) -> None:
        line = progress_line(study)
        due = time.monotonic() - self._said > _LINE_EVERY_SECONDS
        if study["state"] != self._state or (due and line != self._line):
            self._say(line)
            self._state, self._line = study["state"], line

    def interrupted(self, problem: WidthwiseError) -> None:
        self._say(f"no answer from the service, trying again: {str(problem).splitlines()[0]}")

    def _say(self, line: str) -> None:
        self._console.print(line, soft_wrap=True, markup=False, highlight=False)
        self._said = time.monotonic()
