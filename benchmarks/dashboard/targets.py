"""The targets of the dashboard, and which of them a run misses."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

LIST_KILOBYTES: Final = 60.0
LIST_PAINT_MS: Final = 300.0
STUDY_KILOBYTES: Final = 1_600.0
HOVER_MS: Final = 33.0
_NONE: Final = ("violations", "console_errors", "off_host_requests")


def missed(pages: Sequence[Mapping[str, Any]], curves: Mapping[str, float]) -> list[str]:
    """One line for every target that is not met."""
    return [words for row in pages for words in _of_page(row)] + _of_curves(curves)


def _of_page(row: Mapping[str, Any]) -> Iterator[str]:
    name, of = row["page"], f"{row['page']}, {row['theme']}"
    if name == "studies" and row["kilobytes"] > LIST_KILOBYTES:
        yield f"{of}: {row['kilobytes']} KB, more than {LIST_KILOBYTES:g}"
    if name == "studies" and not (row["first_paint_ms"] or 1e9) <= LIST_PAINT_MS:
        yield f"{of}: first paint after {row['first_paint_ms']} ms, more than {LIST_PAINT_MS:g}"
    if name.startswith("study-") and row["kilobytes"] > STUDY_KILOBYTES:
        yield f"{of}: {row['kilobytes']} KB, more than {STUDY_KILOBYTES:g}"
    yield from (f"{of}: {row[what]} {what}" for what in _NONE if row[what])


def _of_curves(curves: Mapping[str, float]) -> list[str]:
    if curves["hover_p95_ms"] <= HOVER_MS:
        return []
    return [f"curves: a hover takes {curves['hover_p95_ms']} ms, more than {HOVER_MS:g}"]
