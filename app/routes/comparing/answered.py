"""Compute a study's answer for a target, or the reason why it has none."""

from typing import NamedTuple

from tuner.evidence.study_evidence import EvidenceSummary
from tuner.recommendation.comparing.answers import AnswerInShort, in_short
from tuner.recommendation.recommend import recommend
from tuner.records.errors import NotReady
from tuner.records.snapshot import StudyRecord
from tuner.spec.requested_target import AskedTarget, IllegalTarget


class Answered(NamedTuple):
    """The answer of a study, or the reason why there is none: one of the two is None."""

    answer: AnswerInShort | None
    problem: str | None
    """The reason why there is no answer, in words."""


def answered(study: StudyRecord, known: EvidenceSummary, asked: AskedTarget) -> Answered:
    """The study's answer in short, or the reason why it has none."""
    try:
        return Answered(in_short(recommend(study, known, **dict(asked))), None)
    except (NotReady, IllegalTarget) as error:
        return Answered(None, str(error))
