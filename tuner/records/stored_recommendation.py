"""A recommendation as it was stored: never changed, decided about at most once."""

import datetime as dt

from parametrization.recommendation.record import Record
from parametrization.recommendation.target import WholeTarget
from parametrization.recommendation.trust import Verdict
from tuner.spec.requested_target import AskedTarget
from tuner.spec.states import RecommendationState


class Decision(Record):
    """A reviewer's approval or rejection of a recommendation."""

    by: str
    note: str
    at: dt.datetime


class StoredRecommendation(Record):
    """Everything about an answer that was stored, but the answer itself."""

    id: str
    study_id: str
    family: str
    optimizer: str
    target: WholeTarget
    asked: AskedTarget
    """The target as the request gave it; what it left out was the study's own."""
    verdict: Verdict
    """As it was when the recommendation was stored."""
    headline: str
    provisional: bool
    """The study had not completed when it was stored."""
    sha256: str
    """Of the recommendation as canonical JSON: fields sorted, nothing spaced."""
    rule_version: str
    evidence_version: int
    """Of the computation behind the evidence."""
    evidence_sha256: str
    """Of the number, state and value of every trial."""
    state: RecommendationState
    decision: Decision | None
    """Null while the state is `pending`."""
    created_at: dt.datetime
