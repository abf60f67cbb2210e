"""Opaque page tokens: the place in a list after which the next page starts."""

import base64
import datetime as dt
import json

from tuner.records.errors import BadPageToken


def write(created_at: dt.datetime, last_id: str) -> str:
    """Make the token of the page that follows this entry."""
    place = json.dumps([created_at.isoformat(), last_id])
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def read(token: str) -> tuple[dt.datetime, str]:
    """Read the place back from a token.

    Raises:
        BadPageToken: if `write` made no such token.

    """
    try:
        padded = token.encode("ascii") + b"=" * (-len(token) % 4)
        created_at, last_id = json.loads(base64.b64decode(padded, b"-_", validate=True))
        place = dt.datetime.fromisoformat(created_at), str(last_id)
    except (ValueError, TypeError) as error:
        raise BadPageToken(token) from error
    if place[0].tzinfo is None or write(*place) != token:
        raise BadPageToken(token)
    return place
