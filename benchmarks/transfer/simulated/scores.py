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


def told_by(
    good: dict[str, Sequence[Scored]], planted: dict[str, Sequence[Scored]]
) -> dict[str, dict[str, float | None]]:
    """Shares of planted, good and costly answers that each topic flags, and `any` of them.

    Shares are means over problems, that of costly answers is over all good ones; regrets are means
    over the flagged answers of problems that have others too, and of those others.
    """
    answers = [one.answer for found in (good | planted).values() for one in found]
    topics = sorted({topic for answer in answers for topic in answer.topics})
    return {topic: _told(good, planted, frozenset({topic})) for topic in topics} | {
        "any": _told(good, planted, frozenset(topics))
    }


def _told(
    good: dict[str, Sequence[Scored]],
    planted: dict[str, Sequence[Scored]],
    topics: frozenset[str],
) -> dict[str, float | None]:
    def flagged(one: Scored) -> bool:
        return not topics.isdisjoint(one.answer.topics)

    def alone(one: Scored) -> bool:
        return flagged(one) and topics.issuperset(one.answer.topics)

    costly = [
        flagged(one)
        for found in good.values()
        for one in found
        if one.regret_percent > LARGE_REGRET_PERCENT
    ]
    pairs = [
        (one.regret_percent, fmean(others))
        for found in good.values()
        if (others := [one.regret_percent for one in found if not flagged(one)])
        for one in found
        if flagged(one)
    ]
    return {
        "planted": _over(planted, flagged) if planted else None,
        "good": _over(good, flagged),
        "good_over_3_percent": _mean(costly) if costly else None,
        "alone_planted": _over(planted, alone) if planted else None,
        "regret_percent": round(fmean(here for here, _ in pairs), 3) if pairs else None,
        "regret_of_others_percent": round(fmean(there for _, there in pairs), 3) if pairs else None,
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
