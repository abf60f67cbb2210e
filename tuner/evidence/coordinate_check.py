"""Judge the coordinate check of one optimizer of a study."""

from parametrization.check.verdict import CheckVerdict, TensorStatistic, judge
from tuner.records.snapshot import StudySnapshot
from tuner.spec.optimizers.name import Optimizer


def check_verdict(snapshot: StudySnapshot, optimizer: Optimizer) -> CheckVerdict | None:
    """The coordinate check's verdict on one optimizer; None until it has run."""
    statistics = [
        TensorStatistic(
            at.tensor, at.width, at.seed, at.update_rms, at.propagation_rms, at.initial_rms
        )
        for at in snapshot.statistics
        if at.optimizer == optimizer
    ]
    if not statistics or snapshot.study.shape is None:
        return None
    policies = snapshot.study.spec.policies
    return judge(statistics, snapshot.study.shape, optimizer, policies=policies)
