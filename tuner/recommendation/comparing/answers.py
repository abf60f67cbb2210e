"""Compare answers of several studies, or of one at two times."""

import math
from typing import Final

from parametrization.recommendation.document import RecommendationDocument
from parametrization.recommendation.record import Record
from parametrization.recommendation.target import WholeTarget
from parametrization.recommendation.trust import Reason, Verdict
from parametrization.shapes.roles import Role
from parametrization.text.rounding import significant

_SAME_OCTAVES: Final = 0.01
"""Rates nearer to each other than that are called the same."""


class RateAtTarget(Record):
    """The peak learning rate of a group of the target's tensors."""

    optimizer: str
    role: Role
    learning_rate: float
    tensors: int


class AnswerInShort(Record):
    """The numbers of a recommendation that are compared."""

    headline: str
    verdict: Verdict
    reasons: tuple[Reason, ...]
    provisional: bool
    optimizer: str
    target: WholeTarget
    learning_rate: float
    """At the base."""
    low: float
    high: float
    """End of its interval."""
    half_width_octaves: float
    digits: int
    """Significant ones that the interval justifies."""
    predicted_loss: float | None
    predicted_regret_percent: float | None
    rates: tuple[RateAtTarget, ...]
    hyperparameters: dict[str, float]
    """At the base."""
    drift_octaves: float | None
    """Between the measured widths and the target."""
    tuning_flops: float
    share_percent: float
    """Of training the target once."""
    trials: int
    rule_version: str
    evidence_sha256: str


class RateChange(Record):
    """Difference of two answers' learning rates at the base."""

    octaves: float
    """Above the first; below it if negative."""
    do_intervals_meet: bool
    words: str


def in_short(answer: RecommendationDocument) -> AnswerInShort:
    """The part of an answer that is compared."""
    rate = answer.learning_rate
    loss = rate.predicted_loss
    return AnswerInShort(
        headline=answer.headline,
        verdict=answer.verdict,
        reasons=answer.reasons,
        provisional=answer.provisional,
        optimizer=answer.optimizer,
        target=answer.target,
        learning_rate=rate.value,
        low=rate.low,
        high=rate.high,
        half_width_octaves=rate.half_width_octaves,
        digits=rate.digits,
        predicted_loss=None if loss is None else loss.value,
        predicted_regret_percent=rate.predicted_regret_percent,
        rates=tuple(
            RateAtTarget(
                optimizer=group.optimizer,
                role=group.role,
                learning_rate=group.learning_rate,
                tensors=len(group.patterns),
            )
            for group in answer.groups
        ),
        hyperparameters=answer.base_hyperparameters,
        drift_octaves=answer.extrapolated_drift_octaves,
        tuning_flops=answer.cost.tuning_flops,
        share_percent=answer.cost.share_percent,
        trials=answer.provenance.trials,
        rule_version=answer.provenance.rule_version,
        evidence_sha256=answer.provenance.evidence_sha256,
    )


def rate_change(first: AnswerInShort, other: AnswerInShort) -> RateChange:
    """Difference of the other answer's rate from the first's."""
    octaves = math.log2(other.learning_rate / first.learning_rate)
    meet = first.low <= other.high and other.low <= first.high
    one, two = (significant(answer.learning_rate, answer.digits) for answer in (first, other))
    if abs(octaves) < _SAME_OCTAVES:
        words = f"the same learning rate at the base, {one}"
    else:
        way = "higher" if octaves > 0 else "lower"
        within = "the intervals overlap" if meet else "the intervals do not overlap"
        words = (
            f"learning rate at the base {one} → {two}: {abs(octaves):.2f} octaves {way}, {within}"
        )
    return RateChange(octaves=octaves, do_intervals_meet=meet, words=words)
