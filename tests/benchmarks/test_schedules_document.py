"""docs/schedules.md shows the shapes that there are."""

from pathlib import Path

from benchmarks.documents.schedules import DOCUMENT, draw, rendered, with_tables
from parametrization.schedules.registry import BUILT_IN


def test_the_document_is_current() -> None:
    """If this fails: run `python -m benchmarks.documents.schedules`, and look at the picture."""
    document = DOCUMENT.read_text()
    assert with_tables(document) == document


def test_every_shape_has_a_line() -> None:
    assert [line.split("`")[1] for line in rendered().splitlines()[2:]] == list(BUILT_IN)


def test_the_picture_is_drawn_as_a_png(tmp_path: Path) -> None:
    draw(tmp_path / "drawn.png")
    assert (tmp_path / "drawn.png").read_bytes().startswith(b"\x89PNG")
