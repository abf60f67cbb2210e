"""Choose among forms of an answer by the request's `Accept` header (RFC 9110, section 12.5.1)."""

from collections.abc import Mapping
from typing import NamedTuple

from starlette.exceptions import HTTPException


class _Range(NamedTuple):
    kind: str
    subtype: str
    quality: float

    def covers(self, media_type: str) -> bool:
        kind, _, subtype = media_type.partition("/")
        return self.kind in ("*", kind) and self.subtype in ("*", subtype)

    @property
    def precision(self) -> int:
        return (self.kind != "*") + (self.subtype != "*")


def accepted(header: str | None, offered: Mapping[str, str]) -> str:
    """The name of the form that the header likes best, the first offered one among equals.

    Args:
        offered: names by media type; the first one is given where nothing is asked for.

    Raises:
        HTTPException: 406, if the header takes none of them.

    >>> accepted("application/yaml;q=0.5, text/*", {"application/yaml": "yaml", "text/x": "x"})
    'x'

    """
    first = next(iter(offered.values()))
    ranges = [found for part in (header or "").split(",") if (found := _range(part)) is not None]
    if not ranges:
        return first
    liked = {media_type: _quality(ranges, media_type) for media_type in offered}
    best = max(liked, key=lambda media_type: liked[media_type])
    if liked[best] <= 0:
        listed = ", ".join(dict.fromkeys(offered))
        raise HTTPException(406, f"Accept: {header} takes none of {listed}; or name a format=")
    return offered[best]


def names(header: str | None, media_type: str) -> bool:
    """True if the header names exactly this media type."""
    ranges = (_range(part) for part in (header or "").split(","))
    return any(
        found is not None and f"{found.kind}/{found.subtype}" == media_type for found in ranges
    )


def _range(part: str) -> _Range | None:
    words = [word.strip().lower() for word in part.split(";")]
    kind, slash, subtype = words[0].partition("/")
    if not slash:
        return None
    return _Range(kind, subtype, next((_number(w) for w in words[1:] if w.startswith("q=")), 1.0))


def _number(word: str) -> float:
    try:
        return min(1.0, max(0.0, float(word.removeprefix("q="))))
    except ValueError:
        return 0.0


def _quality(ranges: list[_Range], media_type: str) -> float:
    """Quality of the most precise range that covers the media type."""
    covering = [one for one in ranges if one.covers(media_type)]
    return max(covering, key=lambda one: one.precision).quality if covering else 0.0
