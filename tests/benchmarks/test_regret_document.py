"""docs/evidence.md shows the regrets that were measured."""

import pytest

from benchmarks.documents.regret import BANKS, DOCUMENT, GOALS, stored, with_tables


def test_the_document_is_current() -> None:
    """If this fails: run `python -m benchmarks.documents.regret`."""
    document = DOCUMENT.read_text()
    assert with_tables(document, stored()) == document


@pytest.mark.parametrize("bank", list(stored()))
def test_a_goal_that_is_missed_is_said(bank: str) -> None:
    measured = stored()[bank]
    for goal in GOALS:
        kept = goal.least <= goal.figure(measured) <= goal.most
        assert goal.kept(measured).endswith(", missed") is not kept


def test_something_is_stored() -> None:
    assert set(stored()) <= set(BANKS)
    assert stored()
