"""docs/targets.md shows what is read of public models now."""

from benchmarks.documents.targets import DOCUMENT, with_table


def test_the_document_is_current() -> None:
    """If this fails: run `python -m benchmarks.documents.targets`."""
    document = DOCUMENT.read_text()
    assert with_table(document) == document
