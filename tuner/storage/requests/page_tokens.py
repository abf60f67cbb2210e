"""Opaque page tokens: the place in a list after which the next page starts."""

import base64
import datetime as dt
import json

from tuner.records.errors import BadPageToken


def write(created_at: dt.datetime, last_id: str) -> str:
    """Make the token of the page that follows this entry."""
    return _encoded([created_at.isoformat(), last_id])


def read(token: str) -> tuple[dt.datetime, str]:
    """Read the place back from a token.

    Raises:
        BadPageToken: if `write` made no such token.

    """
    try:
        created_at, last_id = _decoded(token)
        place = dt.datetime.fromisoformat(created_at), str(last_id)
    except (ValueError, TypeError) as error:
        raise BadPageToken(token) from error
    if place[0].tzinfo is None or write(*place) != token:
        raise BadPageToken(token)
    return place


def write_number(last: int) -> str:
    """Make the token of the page that follows the trial of this number."""
    return _encoded([last])


def read_number(token: str) -> int:
    """Read the number back from a token.

    Raises:
        BadPageToken: if `write_number` made no such token.

    """
    try:
        (last,) = _decoded(token)
        number = int(last)
    except (ValueError, TypeError) as error:
        raise BadPageToken(token) from error
    if not 0 <= number < 2**31 or write_number(number) != token:
        raise BadPageToken(token)
    return number


def _encoded(place: list[object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def _decoded(token: str) -> list[str]:
    padded = token.encode("ascii") + b"=" * (-len(token) % 4)
    return list(json.loads(base64.b64decode(padded, b"-_", validate=True)))
