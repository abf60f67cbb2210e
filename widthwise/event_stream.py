"""Server-sent events: the wire format, read line by line."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """One change of a study.

    Attributes:
        id: of the event; send the last one seen as `Last-Event-ID` to miss nothing.
        kind: `study.state`, `trial.progress`, ...; empty for a sign of life.
        data: what happened.

    """

    id: str = ""
    kind: str = ""
    data: dict[str, Any] | None = None


SIGN_OF_LIFE = Event()


def parse_events(lines: Iterable[str]) -> Iterator[Event]:
    """Events of a stream; its comments become `SIGN_OF_LIFE`.

    An event that the stream breaks off within is dropped, as the standard wants: it comes
    again after a reconnection.

    >>> list(parse_events(["id: 7", "event: study.state", 'data: {"to": "paused"}', ""]))
    [Event(id='7', kind='study.state', data={'to': 'paused'})]

    """
    fields: dict[str, str] = {}
    for line in lines:
        if line.startswith(":"):
            yield SIGN_OF_LIFE
        elif line:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            fields[name] = f"{fields[name]}\n{value}" if name in fields else value
        elif fields:
            yield _event(fields)
            fields = {}


def _event(fields: dict[str, str]) -> Event:
    data = json.loads(fields["data"]) if "data" in fields else None
    return Event(
        id=fields.get("id", ""),
        kind=fields.get("event", "message"),
        data=data if isinstance(data, dict) else None,
    )
