"""Judge a study that stops after its coordinate check."""

from typing import Literal

from tuner.evidence.study_evidence import EvidenceSummary
from tuner.records.snapshot import StudyRecord
from tuner.spec.states import StudyState

CheckOutcome = Literal["passed", "failed", "inconclusive"]


def outcome_of(study: StudyRecord, known: EvidenceSummary) -> CheckOutcome | None:
    """The worst outcome over all optimizers of a study that stops after its check.

    None until the study is completed, and for studies that search.
    """
    if not study.spec.only_checks or study.state is not StudyState.COMPLETED:
        return None
    passed = {one.check.passed if one.check is not None else None for one in known.optimizers}
    if False in passed:
        return "failed"
    return "inconclusive" if None in passed else "passed"
