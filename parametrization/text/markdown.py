"""Tables in Markdown, and documents that keep generated ones between two markers."""

from collections.abc import Iterable, Sequence


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table with its heading, a line a row."""
    lines = [columns, ["-" for _ in columns], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def between(document: str, begin: str, end: str, tables: str) -> str:
    """The document with what stands between its two markers replaced.

    Raises:
        ValueError: if a marker is missing.

    """
    for marker in (begin, end):
        if marker not in document:
            raise ValueError(f"the marker {marker!r} is missing from the document: put it back")
    before, _, rest = document.partition(begin)
    return f"{before}{begin}\n\n{tables}\n{end}{rest.partition(end)[2]}"
