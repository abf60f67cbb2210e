"""Define the API's records of a study's evidence."""

from typing import Literal

from parametrization.check.sentences import likely_causes
from parametrization.check.verdict import CheckVerdict, TensorVerdict
from parametrization.recommendation.dynamics import DynamicsFindings, WidthDynamics
from parametrization.recommendation.evidence import OptimizerStanding, TransferEvidence
from parametrization.recommendation.record import Record
from parametrization.recommendation.target import Comparison
from parametrization.rules.parametrization import Parametrization
from tuner.evidence.checks.outcome import CheckOutcome
from tuner.evidence.dynamics.findings import dynamics_findings, dynamics_of
from tuner.evidence.sensitivity import (
    SensitivityCurve,
)
from tuner.evidence.study_evidence import EvidenceSummary, StudyEvidence
from tuner.records.snapshot import StudyRecord
from tuner.spec.dynamics.asked import Dynamics
from tuner.spec.optimizers.name import Optimizer
from tuner.spec.states import StudyState

CheckStatus = Literal["not_run"] | CheckOutcome


class CheckRead(Record):
    optimizer: Optimizer
    status: CheckStatus
    summary: str
    """The verdict in words."""
    causes: tuple[str, ...]
    """In words, what the tensors that failed look like, each cause once: `a missing 1/fan_in
    learning rate`. Empty where nothing failed, or nothing known explains it."""
    tensors: tuple[TensorVerdict, ...]
    """Slopes of log2 statistic against log2 width; 0 is right."""


class CoordinateCheckRead(Record):
    study_id: str
    checks: tuple[CheckRead, ...]
    """One per optimizer of the study."""


class SensitivityRead(Record):
    study_id: str
    state: StudyState
    """Curves and evidence are final once the study is completed."""
    compared_by: Comparison
    """Metric of every loss below."""
    curves: tuple[SensitivityCurve, ...]
    """Loss against learning rate by optimizer, parametrization and width."""
    transfer: tuple[TransferEvidence, ...]
    """Shift of the optimum with width, by optimizer and parametrization."""
    standings: tuple[OptimizerStanding, ...]
    """The study's optimizers at equal width, tokens and FLOPs, best first."""


class OptimizerDynamics(Record):
    optimizer: Optimizer
    widths: tuple[WidthDynamics, ...]
    """Dynamics along the winner's training, the narrowest width first."""
    findings: DynamicsFindings | None
    """Consequences for a target; null until a width was measured."""


class DynamicsRead(Record):
    study_id: str
    state: StudyState
    asked: Dynamics | None
    """Null where the study did not ask for them: submit it with `dynamics: true`."""
    optimizers: tuple[OptimizerDynamics, ...]


def dynamics_read(study: StudyRecord) -> DynamicsRead:
    """The dynamics of every optimizer's winner."""
    asked = study.spec.dynamics
    by_name = {one.name: dynamics_of(study.dynamics, one.name) for one in study.spec.optimizers}
    return DynamicsRead(
        study_id=study.id,
        state=study.state,
        asked=asked if isinstance(asked, Dynamics) else None,
        optimizers=tuple(
            OptimizerDynamics(optimizer=name, widths=seen, findings=dynamics_findings(seen))
            for name, seen in by_name.items()
        ),
    )


def coordinate_check_read(study: StudyRecord, known: EvidenceSummary) -> CoordinateCheckRead:
    """The coordinate check of every optimizer of the study."""
    return CoordinateCheckRead(
        study_id=study.id,
        checks=tuple(_check_read(one.optimizer, one.check) for one in known.optimizers),
    )


def sensitivity_read(study: StudyRecord, evidence: StudyEvidence) -> SensitivityRead:
    """Every curve of the study and what the curves say."""
    known = evidence.summary
    return SensitivityRead(
        study_id=study.id,
        state=study.state,
        compared_by=study.spec.comparison,
        curves=evidence.curves,
        transfer=tuple(at for one in known.optimizers for at in one.transfer),
        standings=known.standings,
    )


def compared(
    read: SensitivityRead, optimizer: Optimizer
) -> dict[Parametrization, TransferEvidence]:
    """One optimizer's evidence, by parametrization."""
    return {at.parametrization: at for at in read.transfer if at.optimizer == optimizer}


def _check_read(optimizer: Optimizer, verdict: CheckVerdict | None) -> CheckRead:
    if verdict is None:
        return CheckRead(
            optimizer=optimizer,
            status="not_run",
            summary="not finished yet",
            causes=(),
            tensors=(),
        )
    status: CheckStatus = "inconclusive"
    if verdict.passed is not None:
        status = "passed" if verdict.passed else "failed"
    return CheckRead(
        optimizer=optimizer,
        status=status,
        summary=verdict.summary,
        causes=likely_causes(verdict),
        tensors=verdict.tensors,
    )
