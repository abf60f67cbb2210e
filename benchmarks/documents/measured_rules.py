"""Write the measured tables of docs/rules.md: `python -m benchmarks.documents.measured_rules`.

Reads the stored results of `coordinate_checks` and `lr_transfer` and replaces what stands between
the two markers of docs/rules.md.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.report import RESULTS
from parametrization.text.markdown import between, table

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "rules.md"
CHECKS: Final = RESULTS / "coordinate_checks.json"
BEGIN: Final = "<!-- measured: begin, written by benchmarks.documents.measured_rules -->"
END: Final = "<!-- measured: end -->"
_ROLES: Final = ("input", "hidden", "output", "vector", "final_norm", "scalar", "residual_stream")
_VERDICT: Final = {True: "passed", False: "failed", None: "inconclusive"}


def rendered() -> str:
    """All tables in Markdown."""
    transfers = [
        json.loads(path.read_text()) for path in sorted((RESULTS / "lr_transfer").glob("*.json"))
    ]
    return "\n".join([*_checks(), *_transfers(transfers)])


def with_tables(document: str) -> str:
    """The document with its tables replaced by the stored results.

    Raises:
        ValueError: if a marker is missing.

    """
    return between(document, BEGIN, END, rendered())


def _checks() -> Iterable[str]:
    if not CHECKS.exists():
        return
    report = json.loads(CHECKS.read_text())
    yield "### Slopes of the coordinate check\n"
    yield (
        "Slope of log2 rms(dW x) against log2 width (or depth), by role the one farthest from 0;"
        " where the last column names one, an error was planted on purpose."
        f" Torch {report['versions']['torch']}, `{report['command']}`.\n"
    )
    rows = report["rows"]
    roles = [role for role in _ROLES if any(role in row["slopes"] for row in rows)]
    roles += sorted({role for row in rows for role in row["slopes"]} - set(roles))
    yield table(
        (
            *("optimizer", "family", "rules", "axis"),
            *(role.replace("_", " ") for role in roles),
            *("verdict", "planted error"),
        ),
        (
            [
                f"`{row['optimizer']}`",
                row["family"].replace("_", " "),
                row["parametrization"],
                row["axis"],
                *(f"{row['slopes'][r]:+.2f}" if r in row["slopes"] else "" for r in roles),
                _VERDICT[row["passed"]] + (", empirical" if row["empirical"] else ""),
                row["planted_error"] or "",
            ]
            for row in rows
        ),
    )


_TRANSFER_HEADINGS: Final = (
    "optimizer", "family", "widths", "steps", "seeds", "rules", "optima", "shift", "wider is better"
)  # fmt: skip


def _transfers(reports: Sequence[dict[str, Any]]) -> Iterable[str]:
    if not reports:
        return
    yield "### How far the best learning rate moves\n"
    yield (
        "Fitted optimum of log2(learning rate) by width: octaves, the same at every width, and half"
        " octaves around the best. Shift: widest less narrowest, in octaves. Wider is better: share"
        " of pairs of adjacent widths at equal rates.\n"
    )
    yield table(
        _TRANSFER_HEADINGS,
        (
            [
                f"`{report['optimizer']}`",
                report["family"],
                ", ".join(map(str, report["widths"])),
                str(report["steps"]),
                str(report["seeds"]),
                rules,
                ", ".join(_rate(at) for at in report["optimum_log2_lr"][rules]),
                _rate(report["shift_octaves"][rules], signed=True),
                _share(report["wider_is_better"][rules]),
            ]
            for report in reports
            for rules in ("mup", "sp")
        ),
    )


def _rate(value: float | None, *, signed: bool = False) -> str:
    if value is None:
        return "none in the grid"
    return f"{value:+.2f}" if signed else f"{value:.2f}"


def _share(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.0f} %"


if __name__ == "__main__":
    DOCUMENT.write_text(with_tables(DOCUMENT.read_text()))
