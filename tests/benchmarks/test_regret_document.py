"""docs/evidence.md shows the regrets that were measured."""

import pytest

from benchmarks.documents.regret import BANKS, DOCUMENT, FRESH, GOALS, stored, with_tables


def test_the_document_is_current() -> None:
    """If this fails: run `python -m benchmarks.documents.regret`."""
    document = DOCUMENT.read_text()
    assert with_tables(document, stored(), stored(FRESH)) == document


@pytest.mark.parametrize("bank", [*stored(), *stored(FRESH)])
def test_a_goal_that_is_missed_is_said(bank: str) -> None:
    measured = (stored() | stored(FRESH))[bank]
    for goal in GOALS:
        kept = goal.least <= goal.figure(measured) <= goal.most
        assert goal.kept(measured).endswith(", missed") is not kept


def test_something_is_stored() -> None:
    assert stored().keys() == BANKS.keys()
    assert stored(FRESH).keys() == FRESH.keys()
