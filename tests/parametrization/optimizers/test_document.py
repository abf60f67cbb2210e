"""docs/rules.md shows the rows that the code scales by."""

from pathlib import Path

import pytest

from parametrization.optimizers.document import rendered, with_tables
from parametrization.optimizers.lookup import WIDTH_ROWS
from parametrization.optimizers.registry import OPTIMIZERS

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "rules.md"


def test_the_document_is_current() -> None:
    """If this fails: run `python -m parametrization.optimizers.document docs/rules.md`."""
    document = DOCUMENT.read_text()
    assert with_tables(document) == document


def test_every_optimizer_and_every_source_is_shown() -> None:
    tables = rendered()
    assert [o for o in OPTIMIZERS if f"`{o}`" not in tables] == []
    sources = {row.evidence.source for rows in WIDTH_ROWS.values() for row in rows.values()}
    assert sources
    assert [source for source in sources if source not in tables and source != HERE] == []


HERE = "derived here by the degree of the update"
"""Of refusals too, whose reason is shown instead of their source."""


def test_a_row_reads_as_its_exponents() -> None:
    assert "| hidden | m_in^-0.5 | 1 | m_in^-1 | m_out^-1 | m_in | TEV | H |" in rendered()


def test_a_document_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="is missing from the document"):
        with_tables("# Scaling rules\n")
