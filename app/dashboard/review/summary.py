"""Sum up an answer for the person who signs it off: what holds, how surely, and what it cost."""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from app.dashboard.words import DECISIONS, signed
from parametrization.recommendation.document import RecommendationDocument
from parametrization.text.rounding import share_of_training, significant
from tuner.records.stored_recommendation import StoredRecommendation

Mark = Literal["", "recommend", "caution", "abstain"]
_CHECKED: Final[dict[bool | None, tuple[str, Mark]]] = {
    True: ("passed", "recommend"),
    False: ("failed", "abstain"),
    None: ("undecided", "caution"),
}


class Fact(NamedTuple):
    """One figure of the summary, and the tab or page that shows more of it."""

    title: str
    words: str
    more: str
    mark: Mark
    """Of trust in the answer; empty while a study runs, and where the fact says nothing of it."""
    link: str


def summary_of(
    answer: RecommendationDocument, stored: Sequence[StoredRecommendation]
) -> tuple[Fact, ...]:
    """The facts that a reviewer asks for first.

    Args:
        answer: for the study's own target.
        stored: answers of the study, newest first.

    """
    return (_drift(answer), _check(answer), _rate(answer), _cost(answer), _review(answer, stored))


def _drift(answer: RecommendationDocument) -> Fact:
    drift = answer.evidence.drift
    title, link = "Optimum across widths", _tab(answer, "transfer")
    if drift is None:
        measured = sum(at.optimum.status == "measured" for at in answer.evidence.optima)
        return Fact(title, "drift not known", f"{measured} of 2 widths measured", "", link)
    low, high = drift.low_octaves_per_doubling, drift.high_octaves_per_doubling
    return Fact(
        title,
        f"{signed(drift.octaves_per_doubling)} octaves a doubling",
        f"90 % interval {signed(low)} to {signed(high)}, {drift.widths} widths",
        _mark(answer, "drift", "widths", "optimum"),
        link,
    )


def _check(answer: RecommendationDocument) -> Fact:
    title, link = "Coordinate check", _tab(answer, "check")
    if answer.check is None:
        return Fact(title, "not run", "", _mark(answer, "check"), link)
    words, mark = _CHECKED[answer.check.passed]
    failed = sum(tensor.passed is False for tensor in answer.check.tensors)
    share = f"{failed} of " if failed else ""
    more = f"{share}{len(answer.check.tensors)} tensors and activations"
    return Fact(title, words, more, mark, link)


def _rate(answer: RecommendationDocument) -> Fact:
    rate = answer.learning_rate
    low, high = (significant(end, rate.digits) for end in rate.interval)
    return Fact(
        "How sure the rate is",
        f"± {rate.half_width_octaves:.2f} octaves",
        f"{100 * rate.confidence:.0f} % interval {low} to {high} at the base",
        _mark(answer, "regret", "reach") if rate.predicted_regret_percent is not None else "",
        _tab(answer, "configuration"),
    )


def _cost(answer: RecommendationDocument) -> Fact:
    cost = answer.cost
    words = share_of_training(cost.share_percent)
    return Fact("Cost of tuning", words, f"{cost.trials:,} trials", "", "/cost")


def _review(answer: RecommendationDocument, stored: Sequence[StoredRecommendation]) -> Fact:
    if not stored:
        link = f"{_tab(answer, 'configuration')}#review-title"
        ended = "store the answer to have it approved"
        more = "once the study has ended" if answer.verdict == "in_progress" else ended
        return Fact("Review", "not stored yet", more, "", link)
    newest = stored[0]
    words = DECISIONS[newest.state]
    more = f"by {newest.decision.by}" if newest.decision else "approve or reject it"
    return Fact("Review", words, more, "", f"/recommendations/{newest.id}")


def _mark(answer: RecommendationDocument, *topics: str) -> Mark:
    """The gravest of what is said against the answer about these; good where nothing is."""
    if answer.verdict == "in_progress":
        return ""
    found = {reason.severity for reason in answer.reasons if reason.topic in topics}
    return "abstain" if "abstain" in found else "caution" if found else "recommend"


def _tab(answer: RecommendationDocument, name: str) -> str:
    return f"/studies/{answer.study_id}/{name}"
