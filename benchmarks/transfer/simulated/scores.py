"""Score answers against the true curve of the target, problem by problem and over all of them."""

from collections.abc import Callable, Iterable, Sequence
from statistics import fmean, median
from typing import Any, Final, NamedTuple, TypeAlias

from benchmarks.transfer.simulated.estimators import Answer
from benchmarks.transfer.simulated.truth import TargetCurve

LEVEL: Final = 0.9
LARGE_REGRET_PERCENT: Final = 3.0


class Scored(NamedTuple):
    """One answer to one simulated study."""

    regret_percent: float
    covered: bool
    interval_octaves: float
    winkler: float
    """Width of the interval, and twenty times what the truth lies outside of it."""
    error_octaves: float
    answer: Answer


Figure: TypeAlias = Callable[[Scored], float]
"""Of one answer."""


def scored(answer: Answer, truth: TargetCurve) -> Scored:
    """An answer beside the truth."""
    best = truth.best
    outside = max(answer.low - best, best - answer.high, 0.0)
    return Scored(
        truth.regret_percent(answer.rate),
        outside == 0,
        answer.high - answer.low,
        answer.high - answer.low + 2 / (1 - LEVEL) * outside,
        answer.rate - best,
        answer,
    )


def summary(by_problem: dict[str, Sequence[Scored]]) -> dict[str, Any]:
    """Means over problems of what their draws came to; the worst regret is that of any draw."""
    draws = [one for found in by_problem.values() for one in found]
    coverage = {
        name: _mean(one.covered for one in found) for name, found in sorted(by_problem.items())
    }
    return {
        "mean_regret_percent": _over(by_problem, lambda one: one.regret_percent),
        "worst_regret_percent": round(max(one.regret_percent for one in draws), 3),
        "share_over_3_percent": _over(
            by_problem, lambda one: one.regret_percent > LARGE_REGRET_PERCENT
        ),
        "coverage_90": round(fmean(coverage.values()), 3),
        "coverage_by_problem": coverage,
        "median_interval_octaves": round(median(one.interval_octaves for one in draws), 3),
        "winkler": _over(by_problem, lambda one: one.winkler),
        "error_octaves_rms": round(
            fmean(
                fmean(one.error_octaves**2 for one in found) ** 0.5 for found in by_problem.values()
            ),
            3,
        ),
    }


def flagged_share(by_problem: dict[str, Sequence[Scored]]) -> float | None:
    """Share of answers with a reason for caution or abstention, averaged over problems."""
    return _over(by_problem, lambda one: bool(one.answer.topics)) if by_problem else None


def flags(by_problem: dict[str, Sequence[Scored]]) -> dict[str, dict[str, float]]:
    """Share of each problem's answers that a topic flags."""
    return {
        name: {
            topic: _mean(topic in one.answer.topics for one in found)
            for topic in sorted({topic for one in found for topic in one.answer.topics})
        }
        for name, found in sorted(by_problem.items())
    }


def calibration(by_problem: dict[str, Sequence[Scored]], best: dict[str, float]) -> dict[str, Any]:
    """The share of true optima below each quantile of the predictive distribution.

    Args:
        best: log2 of every problem's true rate.

    """
    levels = [probability for probability, _ in next(iter(by_problem.values()))[0].answer.quantiles]
    return {
        str(level): round(
            fmean(
                _mean(_below(one.answer, level, best[name]) for one in found)
                for name, found in by_problem.items()
            ),
            3,
        )
        for level in levels
    }


def _below(answer: Answer, level: float, truth: float) -> bool:
    return truth <= dict(answer.quantiles).get(level, answer.rate)


def _over(by_problem: dict[str, Sequence[Scored]], figure: Figure) -> float:
    return round(
        fmean(fmean(float(figure(one)) for one in found) for found in by_problem.values()), 3
    )


def _mean(values: Iterable[bool]) -> float:
    return round(fmean(map(float, values)), 3)
