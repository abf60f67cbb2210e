"""Recommend from all trials of a study, as its stored evidence would."""

from typing import Any

from tuner.evidence.study_evidence import EvidenceSummary, study_evidence
from tuner.recommendation import recommend as tuner_recommend
from tuner.recommendation.recommend import Recommendation
from tuner.records.snapshot import StudySnapshot

_KNOWN: dict[int, tuple[StudySnapshot, EvidenceSummary]] = {}
"""By identity: a property asks the same study hundreds of times."""


def recommend(snapshot: StudySnapshot, **asked: Any) -> Recommendation:  # noqa: ANN401  as asked for
    """The recommendation of `tuner.recommendation` for a study with these trials."""
    if id(snapshot) not in _KNOWN:
        _KNOWN[id(snapshot)] = snapshot, study_evidence(snapshot).summary
    return tuner_recommend.recommend(snapshot.study, _KNOWN[id(snapshot)][1], **asked)
