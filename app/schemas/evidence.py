"""What a study has measured, as the API shows it."""

from typing import Literal

from parametrization.check.verdict import CheckVerdict, TensorVerdict
from parametrization.rules.parametrization import Parametrization
from tuner.evidence.sensitivity import (
    OptimizerStanding,
    SensitivityCurve,
    TransferEvidence,
    check_verdict,
    compare_optimizers,
    sensitivity,
    summarise,
)
from tuner.records.snapshot import StudySnapshot
from tuner.spec.families.model_family import Comparison
from tuner.spec.optimizer_name import Optimizer
from tuner.spec.record import Record
from tuner.spec.states import StudyState

CheckStatus = Literal["not_run", "passed", "failed", "inconclusive"]


class CheckRead(Record):
    optimizer: Optimizer
    status: CheckStatus
    summary: str
    """The verdict in words."""
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
    """What every loss below is."""
    curves: tuple[SensitivityCurve, ...]
    """Loss against learning rate by optimizer, parametrization and width."""
    transfer: tuple[TransferEvidence, ...]
    """How the optimum moves with width, by optimizer and parametrization."""
    standings: tuple[OptimizerStanding, ...]
    """The study's optimizers at equal width, tokens and FLOPs, best first."""


def coordinate_check_read(snapshot: StudySnapshot) -> CoordinateCheckRead:
    """The coordinate check of every optimizer of the study."""
    names = [config.name for config in snapshot.study.spec.optimizers]
    return CoordinateCheckRead(
        study_id=snapshot.study.id,
        checks=tuple(_check_read(name, check_verdict(snapshot, name)) for name in names),
    )


def sensitivity_read(snapshot: StudySnapshot) -> SensitivityRead:
    """Every curve of the study and what the curves say."""
    curves = sensitivity(snapshot)
    spec = snapshot.study.spec
    groups = dict.fromkeys((curve.optimizer, curve.parametrization) for curve in curves)
    return SensitivityRead(
        study_id=snapshot.study.id,
        state=snapshot.study.state,
        compared_by=spec.family.compared_by,
        curves=curves,
        transfer=tuple(summarise(curves, *group, proxy_width=spec.proxy_width) for group in groups),
        standings=compare_optimizers(curves, [config.name for config in spec.optimizers]),
    )


def compared(
    read: SensitivityRead, optimizer: Optimizer
) -> dict[Parametrization, TransferEvidence]:
    """One optimizer's evidence, by parametrization."""
    return {at.parametrization: at for at in read.transfer if at.optimizer == optimizer}


def _check_read(optimizer: Optimizer, verdict: CheckVerdict | None) -> CheckRead:
    if verdict is None:
        return CheckRead(
            optimizer=optimizer, status="not_run", summary="not finished yet", tensors=()
        )
    status: CheckStatus = "inconclusive"
    if verdict.passed is not None:
        status = "passed" if verdict.passed else "failed"
    return CheckRead(
        optimizer=optimizer, status=status, summary=verdict.summary, tensors=verdict.tensors
    )
