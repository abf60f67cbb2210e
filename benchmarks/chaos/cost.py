"""Count what faults cost: pure functions of what was found and what an undisturbed run gives."""

import statistics
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from tests.service.outcomes import differences


class Struck(NamedTuple):
    """A run under faults."""

    faults: Counter[str]
    """By kind."""
    recoveries: Sequence[float]
    """Seconds from each fault until the API answers and a study has moved."""
    states: Sequence[str]
    """Of every study, as it was last seen."""
    outcomes: Sequence[dict[str, Any]]
    """Trials and curves of every study."""
    completions: Collection[tuple[str, int]]
    """Study and number of every trial, the undisturbed ones included, once per time that it was
    declared complete."""
    broken: Sequence[str]
    """Parts of the service that did not work again in the end."""
    orphans: int
    """Processes of the service that were left after it had been stopped."""


def cost(engine: str, struck: Struck, expected: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The benchmark's result.

    Args:
        expected: trials and curves of the studies of an undisturbed round; every round under
            faults submits the same ones in the same order.

    Raises:
        ValueError: if trials are complete that were never declared so: repeated ones cannot be
            told then.

    """
    wanted = [expected[place % len(expected)] for place in range(len(struck.outcomes))]
    pairs = list(zip(struck.outcomes, wanted, strict=True))
    times = struck.recoveries
    trials = [one for found in struck.outcomes for one in found["trials"].values()]
    complete, declared = sum(one["state"] == "complete" for one in trials), set(struck.completions)
    if len(declared) < complete:
        raise ValueError(f"{complete} trials are complete, {len(declared)} were declared so")
    return {
        "engine": engine,
        "faults": dict(sorted(struck.faults.items())),
        "compared": {
            "studies": len(struck.outcomes),
            "trials": len(trials),
            "curves": sum(len(found["curves"]) for found in struck.outcomes),
        },
        "lost_studies": sum(state != "completed" for state in struck.states),
        "lost_trials": sum(
            len(calm["trials"].keys() - found["trials"].keys()) for found, calm in pairs
        ),
        "repeated_finished_trials": len(struck.completions) - len(declared),
        "curve_mismatches": sum(len(differences(found, calm)) for found, calm in pairs),
        "still_broken": list(struck.broken),
        "orphans": struck.orphans,
        "recovery_seconds": {
            "median": round(statistics.median(times), 2) if times else None,
            "max": round(max(times), 2) if times else None,
        },
    }
