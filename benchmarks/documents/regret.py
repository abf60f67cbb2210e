"""The measured regrets as tables and a plot: `python -m benchmarks.documents.regret`.

Replaces what stands between the two markers of docs/evidence.md by what benchmarks/results holds,
and draws docs/calibration.png from it.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks.transfer.simulated.calibration_plot import draw_calibration
from parametrization.text.markdown import between, table

ROOT: Final = Path(__file__).resolve().parents[2]
BANKS: Final = {
    "the repository's own bank": ROOT / "benchmarks" / "results" / "regret.json",
    "the bank that the constants were chosen with": (
        ROOT / "benchmarks" / "results" / "regret_first_bank.json"
    ),
}
"""Results by what they were measured on; the tables of the second are not kept here."""
FRESH: Final = {
    "the own bank, fresh draws": ROOT / "benchmarks" / "results" / "regret_fresh_draws.json",
}
"""The own bank by a seed whose draws no choice was made with."""
DOCUMENT: Final = ROOT / "docs" / "evidence.md"
PLOT: Final = ROOT / "docs" / "calibration.png"
BEGIN: Final = "<!-- regret: begin, written by benchmarks.documents.regret -->"
END: Final = "<!-- regret: end -->"
ESTIMATORS: Final = {
    "as_built_2026_11": "the service of November 2026",
    "half_octave_widest": "widest optimum ± half an octave",
    "half_octave_narrowest": "narrowest optimum ± half an octave",
    "raw_argmin_widest": "best rate tried at the widest ± half an octave",
    "fit_without_drift": "optima averaged, without drift",
}
_COLUMNS: Final = ("mean regret", "over 3 %", "worst", "coverage of 90 %", "median interval")
_TOLD: Final = (
    "reason",
    "of planted",
    "of good",
    "likelihood ratio",
    "alone, of planted",
    "of good over 3 %",
    "regret of flagged good",
    "of others of their problems",
)
Measured = Mapping[str, Any]
"""The parsed document that `python -m benchmarks.transfer.regret --json` prints."""


class Goal(NamedTuple):
    """The goal of one figure of the service."""

    words: str
    figure: Callable[[Measured], float]
    least: float = -math.inf
    most: float = math.inf

    def kept(self, measured: Measured) -> str:
        """The figure, and whether it misses the goal."""
        value = self.figure(measured)
        return f"{value:.2f}" if self.least <= value <= self.most else f"{value:.2f}, missed"


GOALS: Final = (
    Goal("mean regret, %, at most 0.8", lambda at: at["mean_regret_percent"], most=0.8),
    Goal("share over 3 %, at most 0.05", lambda at: at["share_over_3_percent"], most=0.05),
    Goal("coverage of 90 %, 0.85 to 0.95", lambda at: at["coverage_90"], 0.85, 0.95),
    Goal(
        "coverage of the worst problem, at least 0.7",
        lambda at: min(at["coverage_by_problem"].values()),
        least=0.7,
    ),
    Goal(
        "median interval, octaves, at most 0.9", lambda at: at["median_interval_octaves"], most=0.9
    ),
    Goal(
        "Winkler score over that of the widest optimum, at most 0.9",
        lambda at: at["winkler"] / at["baselines"]["half_octave_widest"]["winkler"],
        most=0.9,
    ),
    Goal("flagged good, at most 0.15", lambda at: at["flagged_good"], most=0.15),
    Goal("flagged bad, at least 0.9", lambda at: at["flagged_bad"], least=0.9),
    Goal(
        "FLOPs of a study in runs of the target, at most 0.6",
        lambda at: at["flops"]["study_over_target_run"],
        most=0.6,
    ),
)


MOST_BY_AXIS: Final = {"depth": 1.5, "tokens": 2.0, "batch": 1.5}
"""Mean regret in percent."""
LEAST_COVERAGE: Final = 0.85


def rendered(banks: Mapping[str, Measured], fresh: Mapping[str, Measured]) -> str:
    """The tables of every bank, in Markdown; fresh draws are held to the goals alone."""
    held = [*banks.values(), *fresh.values()]
    goals = [[goal.words, *map(goal.kept, held)] for goal in GOALS]
    return "\n".join(
        [
            table(["goal", *banks, *fresh], goals),
            *(
                f"On {name}: {_extent(measured)}.\n\n{_estimators(measured)}\n{_problems(measured)}"
                f"\n{_reasons(measured)}"
                for name, measured in banks.items()
            ),
            *(_axes(measured) for measured in list(banks.values())[:1]),
        ]
    )


def _axes(measured: Measured) -> str:
    """Results of sweeps of other axes than width; those without a trained table are left out."""
    rows = []
    for axis, most in MOST_BY_AXIS.items():
        found = measured["by_axis"][axis]
        if found is None:
            continue
        regret, coverage = found["mean_regret_percent"], found["coverage_90"]
        rows.append(
            [
                axis,
                f"{found['problems']}",
                f"{regret:.2f} %" + ("" if regret <= most else f", missed ({most:g} %)"),
                f"{coverage:.2f}" + ("" if coverage >= LEAST_COVERAGE else ", missed"),
                f"{found['median_interval_octaves']:.2f} octaves",
                f"{found['by_rule']['mean_regret_percent']:.2f} %",
            ]
        )
    columns = ("axis", "problems", "mean regret", "coverage of 90 %", "median interval")
    return "On sweeps of other axes than width:\n\n" + table([*columns, "the rule alone"], rows)


def with_tables(document: str, banks: Mapping[str, Measured], fresh: Mapping[str, Measured]) -> str:
    """The document with its tables replaced by the measured ones.

    Raises:
        ValueError: if a marker is missing.

    """
    return between(document, BEGIN, END, rendered(banks, fresh))


def stored(results: Mapping[str, Path] = BANKS) -> dict[str, Measured]:
    """The stored results of each bank that has been measured."""
    return {name: json.loads(path.read_text()) for name, path in results.items() if path.exists()}


def _extent(measured: Measured) -> str:
    good = len(measured["regret_by_problem"])
    return (
        f"{good} good problems and {measured['problems'] - good} planted ones,"
        f" {measured['draws']} studies each"
    )


def _estimators(measured: Measured) -> str:
    rows = [
        [f"**the service**, by its default plan: {_flops(measured)}", *_figures(measured)],
        [
            f"the service, by whole grids: {_flops(measured['plan_grid'])}",
            *_figures(measured["plan_grid"]),
        ],
    ]
    rows += [[words, *_figures(measured["baselines"][name])] for name, words in ESTIMATORS.items()]
    return table(["", *_COLUMNS, "Winkler score"], rows)


def _flops(of: Measured) -> str:
    return f"{of['flops']['study_over_target_run']:.2f} target runs"


def _figures(of: Measured) -> Iterator[str]:
    coverage = of["coverage_by_problem"]
    yield f"{of['mean_regret_percent']:.2f} %"
    yield f"{100 * of['share_over_3_percent']:.0f} %"
    yield f"{of['worst_regret_percent']:.1f} %"
    yield f"{of['coverage_90']:.2f} (worst problem {min(coverage.values()):.2f})"
    yield f"{of['median_interval_octaves']:.2f} octaves"
    yield f"{of['winkler']:.2f}"


def _problems(measured: Measured) -> str:
    rows = []
    for name, flags in measured["flags_by_problem"].items():
        regret = measured["regret_by_problem"].get(name)
        coverage = measured["coverage_by_problem"].get(name)
        rows.append(
            [
                f"`{name}`",
                "planted" if regret is None else f"{regret:.2f} %",
                "" if coverage is None else f"{coverage:.2f}",
                ", ".join(f"{topic} {100 * share:.0f} %" for topic, share in flags.items()),
            ]
        )
    return table(["problem", "mean regret", "coverage", "flagged by"], rows)


def _reasons(measured: Measured) -> str:
    rows = [
        [
            reason,
            *(_share(told[of]) for of in ("planted", "good")),
            _ratio(told["planted"], told["good"]),
            *(_share(told[of]) for of in ("alone_planted", "good_over_3_percent")),
            *(_regret(told[of]) for of in ("regret_percent", "regret_of_others_percent")),
        ]
        for reason, told in measured["told_by_reason"].items()
    ]
    return table(_TOLD, rows)


def _ratio(planted: float, good: float) -> str:
    return f"{planted / good:.1f}" if good else ""


def _share(of: float | None) -> str:
    return "" if of is None else f"{100 * of:.0f} %"


def _regret(percent: float | None) -> str:
    return "" if percent is None else f"{percent:.2f} %"


def main() -> None:
    """Write both."""
    banks = stored()
    DOCUMENT.write_text(with_tables(DOCUMENT.read_text(), banks, stored(FRESH)))
    draw_calibration({name: of["calibration"] for name, of in banks.items()}, PLOT)


if __name__ == "__main__":
    main()
