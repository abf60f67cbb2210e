"""Read and add headers as ASGI has them: bytes, names in lower case.

Starlette's own headers decode, copy and look through all of them at every call, which was a third
of the time that a trainer's report spent before and after its route.
"""

from collections.abc import Iterable

from starlette.types import Message, Scope

RawHeaders = Iterable[tuple[bytes, bytes]]


def sent(scope: Scope, name: bytes) -> str | None:
    """A header of the request; None where it has none of this name."""
    return _first(scope["headers"], name)


def answered(start: Message, name: bytes) -> str | None:
    """A header of the answer that starts; None where it has none of this name."""
    return _first(start.get("headers", ()), name)


def add_missing(start: Message, headers: RawHeaders) -> None:
    """Give the answer that starts those of these headers that it does not have."""
    given = list(start.get("headers", ()))
    present = {name for name, _ in given}
    start["headers"] = given + [header for header in headers if header[0] not in present]


def _first(headers: RawHeaders, name: bytes) -> str | None:
    return next((value.decode("latin-1") for known, value in headers if known == name), None)
