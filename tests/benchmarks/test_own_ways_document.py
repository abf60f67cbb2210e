"""docs/own-tasks.md shows what the three ways took when they were gone."""

import json

from benchmarks.documents.own_ways import DOCUMENT, RESULT, rendered, with_tables
from benchmarks.own_ways.ways import WAYS

MEASURED = json.loads(RESULT.read_text())


def test_the_page_is_current() -> None:
    """If this fails: run `python -m benchmarks.documents.own_ways`."""
    document = DOCUMENT.read_text()
    assert with_tables(document, MEASURED) == document


def test_every_way_was_gone_with_whole_trials() -> None:
    """If this fails: store what `python -m benchmarks.own_ways --json` prints."""
    assert [way["way"] for way in MEASURED["ways"]] == [*WAYS]
    assert "--quick" not in MEASURED["command"]


def test_a_way_that_misses_the_goal_is_said_to() -> None:
    first, *others = MEASURED["ways"]
    missed = {**MEASURED, "ways": [{**first, "meets_goal": False}, *others]}
    assert "minutes and 5 actions is missed by 1" in rendered(missed)
