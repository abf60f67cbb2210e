"""The models that were tried as a table for readers: `python -m benchmarks.documents.own_models`.

Replaces what stands between the two markers of docs/own-models.md by what benchmarks/results holds.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from parametrization.text.markdown import between, table

ROOT: Final = Path(__file__).resolve().parents[2]
RESULT: Final = ROOT / "benchmarks" / "results" / "own_models.json"
DOCUMENT: Final = ROOT / "docs" / "own-models.md"
BEGIN: Final = "<!-- table: begin, written by benchmarks.documents.own_models -->"
END: Final = "<!-- table: end -->"
_HEADINGS: Final = ("model", "classifies as found", "changes", "equal to mup", "check", "seconds")

Tried = Mapping[str, Any]
"""The parsed document that `benchmarks.checks.own_models` prints, or one of its rows."""


def rendered(tried: Tried) -> str:
    """One row a model, in Markdown."""
    rows = list(tried["rows"])
    found = sum(row["classifies_as_found"] for row in rows)
    judged = sum(row["check"] != "refused" for row in rows)
    versions = f"torch {tried['torch']}, transformers {tried['transformers']}"
    summary = (
        f"{found} of {len(rows)} classify as found, {judged} are checked; {versions},"
        f" diffusers {tried['diffusers']}; `python -m benchmarks.checks.own_models`.\n"
    )
    return f"{summary}\n{table(_HEADINGS, [_row(row) for row in rows])}"


def with_table(document: str, tried: Tried) -> str:
    """The document with its table replaced by the measured one.

    Raises:
        ValueError: if a marker is missing.

    """
    return between(document, BEGIN, END, rendered(tried))


def _row(row: Tried) -> list[str]:
    without = row["mup_has_no_rule"]
    return [
        row["model"],
        "yes" if row["classifies_as_found"] else "no",
        ", ".join(_changes(row)) or "none",
        f"{row['mup_equal']} of {row['mup_compared']}"
        + (f"; {without} without a rule there" if without else ""),
        row["check"],
        f"{row['check_seconds']:.0f}",
    ]


def _changes(row: Tried) -> list[str]:
    given = row["output_multiplier"]
    multiplier = [] if given == 1 else [f"output_multiplier {given:g}"]
    return [*(f"`{change}`" for change in row["changes"]), *multiplier]


def main() -> None:
    """Write the page anew."""
    DOCUMENT.write_text(with_table(DOCUMENT.read_text(), json.loads(RESULT.read_text())))


if __name__ == "__main__":
    main()
