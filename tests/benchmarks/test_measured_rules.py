"""docs/rules.md shows what the stored measurements say."""

import pytest

from benchmarks.documents.measured_rules import DOCUMENT, rendered, with_tables


def test_the_document_is_current() -> None:
    """If this fails: run `python -m benchmarks.documents.measured_rules`."""
    document = DOCUMENT.read_text()
    assert with_tables(document) == document


def test_every_rule_that_a_study_can_name_first_is_measured() -> None:
    tables = rendered()
    for optimizer in ("adamw", "lion", "muon_spectral", "shampoo_quarter", "soap", "sgd"):
        assert f"| `{optimizer}` | mlp |" in tables


def test_a_document_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="is missing from the document"):
        with_tables("# Scaling rules\n")
