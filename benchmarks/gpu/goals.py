"""Say which goals a session's figures meet: pure functions of its rows."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

Rows = Sequence[Mapping[str, Any]]
Results = Mapping[str, Rows]
"""Rows by section."""


class Goal(NamedTuple):
    """A claim, what was measured, and whether that bears it out; None where it was not measured."""

    claim: str
    measured: str
    met: bool | None


RATIOS: Final = {
    ("mlp-w128-b128", 256): 100.0,
    ("gpt-w128-l2-t64-b16", 64): 20.0,
    ("gpt-w128-l4-t128-b16", 64): 10.0,
}
"""Trial-steps a second of a cohort of so many trials over one eager process."""
OVER_COMPILED: Final = 1.5
LONG: Final = "gpt-w256-l8-t1024-b8"
MOST_BYTES: Final = 8 * 10**9
FURTHEST: Final = 1e-3
"""Of a few steps' losses from those of the trials alone, relative: rounding stays far below."""


def goals(results: Results) -> list[Goal]:
    """Every goal, in the order of the sections."""
    rows = results.get("throughput", ())
    tried = results.get("breakages", ())
    found = [_nothing_breaks(tried), _nothing_strays(tried)]
    for (workload, trials), least in RATIOS.items():
        cohort = _fastest(rows, workload, trials)
        found.append(
            _ratio(f"{workload} K={trials}", cohort, _rate(rows, workload, "eager"), least)
        )
        alone = _fastest_compiled(rows, workload)
        found.append(_ratio(f"{workload} K={trials}, compiled", cohort, alone, OVER_COMPILED))
    found.append(_never_below(rows))
    found.append(_memory(rows))
    found.append(_agreement(results.get("agreement", ())))
    return [*found, _answer(results.get("time_to_answer", ()))]


def words(found: Sequence[Goal]) -> list[str]:
    """A line for each."""
    marks = {True: "met", False: "NOT MET", None: "not measured"}
    return [f"{marks[goal.met]:>12}  {goal.claim}: {goal.measured}" for goal in found]


def _nothing_breaks(rows: Rows) -> Goal:
    broken = [
        str(row.get("what")) for row in rows if "error" in row or row.get("status", 0) not in (0, 5)
    ]
    measured = f"{len(rows) - len(broken)} of {len(rows)}"
    measured += f"; broken: {', '.join(broken)}" if broken else ""
    return Goal("every optimizer, family and option trains", measured, not broken if rows else None)


def _nothing_strays(rows: Rows) -> Goal:
    claim = f"their losses are those of trials alone within {FURTHEST:g}"
    distances = {str(row.get("what")): float(row["distance"]) for row in rows if "distance" in row}
    if not distances:
        return Goal(claim, "-", None)
    what, furthest = max(distances.items(), key=lambda one: (math.isnan(one[1]), one[1]))
    return Goal(claim, f"{furthest:.1e} ({what})", furthest <= FURTHEST)


def _rate(rows: Rows, workload: str, way: str, trials: int = 1) -> float | None:
    return next(
        (
            float(row["trial_steps_a_second"])
            for row in rows
            if (row.get("workload"), row.get("way"), row.get("trials")) == (workload, way, trials)
            and "trial_steps_a_second" in row
        ),
        None,
    )


def _fastest(rows: Rows, workload: str, trials: int) -> float | None:
    ways = ("graph", "update_compiled", "all_compiled")
    found = [_rate(rows, workload, way, trials) for way in ways]
    return max((one for one in found if one is not None), default=None)


def _fastest_compiled(rows: Rows, workload: str) -> float | None:
    found = [_rate(rows, workload, way) for way in ("compiled", "compiled_graph")]
    return max((one for one in found if one is not None), default=None)


def _ratio(what: str, cohort: float | None, alone: float | None, least: float) -> Goal:
    claim = f"{what}: at least {least:g}x"
    if cohort is None or alone is None:
        return Goal(claim, "-", None)
    return Goal(claim, f"{cohort / alone:.1f}x", cohort / alone >= least)


def _never_below(rows: Rows) -> Goal:
    claim = f"{LONG}: the best cohort or trial alone is no slower than one eager process"
    eager = _rate(rows, LONG, "eager")
    cohorts = [_fastest(rows, LONG, trials) for trials in (8, 16)]
    best = max((one for one in (*cohorts, _fastest_compiled(rows, LONG)) if one), default=None)
    if eager is None or best is None:
        return Goal(claim, "-", None)
    return Goal(claim, f"{best / eager:.2f}x", best >= eager)


def _memory(rows: Rows) -> Goal:
    claim = f"{LONG} K=8: at most {MOST_BYTES / 1e9:g} GB"
    peaks = [
        int(row["peak_bytes"])
        for row in rows
        if row.get("workload") == LONG and row.get("trials") == 8 and "peak_bytes" in row
    ]
    if not peaks:
        return Goal(claim, "-", None)
    return Goal(claim, f"{min(peaks) / 1e9:.1f} GB", min(peaks) <= MOST_BYTES)


def _agreement(rows: Rows) -> Goal:
    claim = "trials of cohorts stray from trials alone no further than those from themselves"
    pairs = [
        (row["tenth"]["cohort"], row["tenth"]["alone_again"]) for row in rows if "tenth" in row
    ]
    if not pairs:
        return Goal(claim, "-", None)
    measured = ", ".join(f"{cohort:.1e} against {control:.1e}" for cohort, control in pairs)
    return Goal(claim, measured, all(a <= max(10 * b, 1e-4) for a, b in pairs))


def _answer(rows: Rows) -> Goal:
    claim = "a study of GPT L2 at widths 128 to 512 ends within the section"
    found = [row for row in rows if "ended" in row]
    if not found:
        return Goal(claim, "-", None)
    return Goal(claim, f"{found[0]['seconds']} s", bool(found[0]["ended"]))
