"""Write the round-trip table of docs/exports.md: `python -m benchmarks.documents.exports`.

Reads the stored result of `python -m benchmarks.exports` and replaces what stands between the two
markers of docs/exports.md.
"""

import json
from pathlib import Path
from typing import Any, Final

from benchmarks.report import RESULTS
from parametrization.text.markdown import between, table

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "exports.md"
RESULT: Final = RESULTS / "exports.json"
BEGIN: Final = "<!-- round trips: begin, written by benchmarks.documents.exports -->"
END: Final = "<!-- round trips: end -->"
_HEADER: Final = (
    "format",
    "read by",
    "tensors",
    "numbers equal",
    "largest relative difference",
    "of",
    "inexpressible",
)


def rendered(result: dict[str, Any]) -> str:
    """The table in Markdown."""
    return table(
        _HEADER,
        (
            (
                f"`{row['format']}`",
                row["reader"] if row["reader"] == "formula" else f"`{row['reader']}`",
                str(row["tensors"]),
                f"{row['equal']} of {row['numbers']}",
                f"{row['largest_relative_difference']:.2g}",
                ", ".join(name.replace("_", " ") for name in row["differing"]),
                "; ".join(row["inexpressible"]),
            )
            for row in result["rows"]
        ),
    )


def with_table(document: str, result: dict[str, Any]) -> str:
    """The document with its table replaced by the stored result.

    Raises:
        ValueError: if a marker is missing.

    """
    return between(document, BEGIN, END, rendered(result))


def main() -> None:
    """Rewrite docs/exports.md."""
    result = json.loads(RESULT.read_text())
    DOCUMENT.write_text(with_table(DOCUMENT.read_text(), result))


if __name__ == "__main__":
    main()
