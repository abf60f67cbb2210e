"""The measured options as tables for readers: `python -m benchmarks.documents.options`.

Replaces what stands between the two markers of docs/options.md by what benchmarks/results holds.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from parametrization.text.markdown import between, table

ROOT: Final = Path(__file__).resolve().parents[2]
RESULT: Final = ROOT / "benchmarks" / "results" / "family_options.json"
DOCUMENT: Final = ROOT / "docs" / "options.md"
BEGIN: Final = "<!-- tables: begin, written by benchmarks.documents.options -->"
END: Final = "<!-- tables: end -->"
_VERDICTS: Final = {True: "passes", False: "fails", None: "in doubt"}

Measured = Mapping[str, Any]
"""The parsed document that `benchmarks.checks.family_options --json` prints, or one of its rows."""


def rendered(measured: Measured) -> str:
    """One table a family, in Markdown."""
    families = groupby(measured["rows"], key=lambda row: row["family"])
    return "\n".join(_section(family, list(rows), measured) for family, rows in families)


def with_tables(document: str, measured: Measured) -> str:
    """The document with its tables replaced by the measured ones.

    Raises:
        ValueError: if a marker is missing.

    """
    return between(document, BEGIN, END, rendered(measured))


def _section(family: str, rows: Sequence[Measured], measured: Measured) -> str:
    usual = rows[0]["widths"]
    versions = ", ".join(f"{name} {version}" for name, version in measured["versions"].items())
    others = any(row["widths"] != usual for row in rows)
    title = (
        f"## `{family}`\n\n{measured['optimizer']} at 2^{measured['log2_learning_rate']:g},"
        f" widths {_list(usual)}{' unless said otherwise' if others else ''},"
        f" {measured['seeds']} seeds; {versions};"
        f" `{measured['command']}`.\n"
    )
    right = [row for row in rows if row["parametrization"] == "mup"]
    roles = list(dict.fromkeys(role for row in right for role in row["slopes"]))
    return f"{title}\n{table(['options', 'muP', *roles, 'P', 'SP'], _rows(rows, roles, usual))}"


def _rows(
    rows: Sequence[Measured], roles: Sequence[str], usual: Sequence[int]
) -> Iterator[list[str]]:
    controls = {_options(row, usual): row for row in rows if row["parametrization"] == "sp"}
    for row in rows:
        if row["parametrization"] != "mup":
            continue
        control = controls[_options(row, usual)]
        yield [
            _options(row, usual),
            _VERDICTS[row["passed"]],
            *(_slope(row["slopes"].get(role)) for role in roles),
            _slope(_propagation(row)),
            f"{_VERDICTS[control['passed']]}, hidden {_slope(control['slopes']['hidden'])}",
        ]


def _options(row: Measured, usual: Sequence[int]) -> str:
    said = [f"{name}: {json.dumps(value)}" for name, value in row["options"].items()]
    options = f"`{', '.join(said)}`".replace('"', "") if said else "defaults"
    return options if row["widths"] == usual else f"{options}, widths {_list(row['widths'])}"


def _list(widths: Sequence[int]) -> str:
    return ", ".join(map(str, widths))


def _propagation(row: Measured) -> float | None:
    """The slope farthest from 0, readouts aside: theirs lies anywhere between -0.5 and 0."""
    inside = [slope for role, slope in row["propagation_slopes"].items() if role != "output"]
    return max(inside, key=abs, default=None)


def _slope(slope: float | None) -> str:
    return "" if slope is None else f"{slope:+.2f}"


def main() -> None:
    """Write the tables into the document."""
    measured = json.loads(RESULT.read_text())
    DOCUMENT.write_text(with_tables(DOCUMENT.read_text(), measured))


if __name__ == "__main__":
    main()
