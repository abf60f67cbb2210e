"""Follow a study: one document after another until it is over."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Final, Protocol

from widthwise.connection import Document
from widthwise.errors import WidthwiseError
from widthwise.event_stream import Event

FINAL_STATES: Final = frozenset({"completed", "cancelled", "failed"})
REFRESH_SECONDS: Final = 1.0
_PAUSE_SECONDS: Final = 1.0


class Following(Protocol):
    """The client's methods that following a study uses."""

    def study(self, study_id: str) -> Document:
        """The study as it is now."""

    def events(self, study_id: str, *, after: str = "") -> AbstractContextManager[Iterator[Event]]:
        """One connection to its events."""


def is_over(study: Document) -> bool:
    """True if the study is in a final state."""
    return study["state"] in FINAL_STATES


def follow(
    client: Following,
    study_id: str,
    *,
    patience_seconds: float = 120.0,
    on_interruption: Callable[[WidthwiseError], None] = lambda problem: None,
) -> Iterator[Document]:
    """The study now, and again after every change, until its final state.

    Events say that something changed, the study's own document says what, so that a missed
    event costs nothing. A lost connection is opened again from the last event seen.

    Args:
        patience_seconds: how long the service may be unreachable before that is an error.
        on_interruption: called at every failed attempt to reach it.

    Raises:
        WidthwiseError: if the service was never there, or stayed away for too long.

    """
    study = client.study(study_id)
    yield study
    stream = _Changes(client, study_id)
    reached = time.monotonic()
    while not is_over(study):
        try:
            for _ in stream.until_closed():
                reached = time.monotonic()
                study = client.study(study_id)
                yield study
                if is_over(study):
                    return
            study = client.study(study_id)  # the service closed the stream: it may be over
            reached = time.monotonic()
            yield study
        except WidthwiseError as problem:
            if not problem.is_temporary or time.monotonic() - reached > patience_seconds:
                raise
            on_interruption(problem)
        if not is_over(study):
            time.sleep(_PAUSE_SECONDS)


class _Changes:
    """Times at which to read the study again; the last event is kept over connections."""

    def __init__(self, client: Following, study_id: str) -> None:
        self._client = client
        self._study_id = study_id
        self._last_event = ""
        self._looked = 0.0

    def until_closed(self) -> Iterator[None]:
        with self._client.events(self._study_id, after=self._last_event) as events:
            for event in events:
                self._last_event = event.id or self._last_event
                due = time.monotonic() - self._looked > REFRESH_SECONDS
                if due or event.kind == "study.state":
                    self._looked = time.monotonic()
                    yield
