"""Summarise the evidence of a study's trials, so that answers need not read the trials."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from typing import Final, NamedTuple

from parametrization.check.verdict import CheckVerdict
from parametrization.recommendation.axes import AxesEvidence
from parametrization.recommendation.document import MeasuringEnd
from parametrization.recommendation.dynamics import DynamicsFindings
from parametrization.recommendation.evidence import (
    NoiseFloor,
    OptimizerStanding,
    Optimum,
    TransferEvidence,
)
from parametrization.recommendation.record import Record
from parametrization.rules.parametrization import Parametrization
from tuner.evidence.axes.sweep import swept_axes
from tuner.evidence.comparison import (
    compare_optimizers,
)
from tuner.evidence.coordinate_check import check_verdict
from tuner.evidence.dynamics.findings import dynamics_findings, dynamics_of
from tuner.evidence.further import FurtherVerdict, chosen, further_verdict
from tuner.evidence.measuring import measuring_end
from tuner.evidence.noise import noise_floor
from tuner.evidence.sensitivity import (
    CurveFits,
    SensitivityCurve,
    has_result,
    key_of,
    sensitivity,
)
from tuner.evidence.transfer import transfer_by_parametrization
from tuner.records.snapshot import StudySnapshot
from tuner.records.trials import TrialRecord
from tuner.spec.axes.cell import Cell
from tuner.spec.optimizers.name import Optimizer
from tuner.spec.states import Purpose
from tuner.spec.study import StudySpec

EVIDENCE_VERSION: Final = 11
"""Raise it with every change of what is computed here, or of a record that is stored with it:
evidence that was stored by another version is computed again."""


class SearchWinner(Record):
    """The best search trial of one optimizer."""

    number: int
    hyperparameters: dict[str, float]
    """The trial's own; defaults for those whose gain did not survive fresh seeds."""
    training: dict[str, float | str] | None = None
    """Fields of training that the search drew, if they survived fresh seeds; null: the study's."""


class OptimizerEvidence(Record):
    """Evidence on one optimizer from the study's trials."""

    optimizer: Optimizer
    winner: SearchWinner | None
    """None until a search trial has a result."""
    finished_searches: int
    """Search trials with a result."""
    check: CheckVerdict | None
    """None until the coordinate check has run."""
    noise: NoiseFloor | None = None
    """Of a trainer of the user's own, once a trial has been repeated."""
    transfer: tuple[TransferEvidence, ...]
    """One for every parametrization with a curve, muP first."""
    further: FurtherVerdict | None = None
    """Decision on the hyperparameters searched beside the learning rate; None if there are none,
    before it is made, and if the study does not test its search with fresh seeds."""
    axes: AxesEvidence | None = None
    """Of depth, batch and tokens; None if no trial has measured them."""
    measuring_end: MeasuringEnd | None = None
    """None before the measurement has ended."""
    dynamics: DynamicsFindings | None = None
    """None if the study does not ask for them, and before the first width is measured."""

    def transfer_under(self, parametrization: Parametrization) -> TransferEvidence | None:
        """Transfer of the optimum over width under it; None while there is no curve."""
        return next((at for at in self.transfer if at.parametrization is parametrization), None)

    @property
    def control(self) -> TransferEvidence | None:
        """Transfer of the control's optimum over width; None while there is no curve."""
        others = (at for at in self.transfer if at.parametrization is not Parametrization.MUP)
        return next(others, None)


class TrainedTrials(Record):
    """Number of trials that have trained for the same number of steps at one width, in one cell."""

    width: int
    step: int
    trials: int
    cell: Cell | None = None
    """Depth, batch and duration that they train with; None: the study's own."""


class EvidenceSummary(Record):
    """Evidence from the trials of a study, without the curves."""

    trials: int
    """Number of the study's trials when this was computed."""
    finished_trials: int
    """Number of those that had ended."""
    optimizers: tuple[OptimizerEvidence, ...]
    """In the order of the specification."""
    standings: tuple[OptimizerStanding, ...]
    """Best first; empty until all optimizers can be compared."""
    trained: tuple[TrainedTrials, ...]
    """Of trials that have trained at all, by width, cell and step."""
    seeds: tuple[int, ...]
    """Of the trials with a result."""
    results_sha256: str
    """Of the number, state and value of every trial."""

    def about(self, optimizer: Optimizer) -> OptimizerEvidence:
        """Evidence on one of the study's optimizers."""
        return next(one for one in self.optimizers if one.optimizer == optimizer)


class StudyEvidence(NamedTuple):
    """Evidence from the trials of a study, with loss against learning rate at each width."""

    summary: EvidenceSummary
    curves: tuple[SensitivityCurve, ...]


def study_evidence(snapshot: StudySnapshot, fits: CurveFits | None = None) -> StudyEvidence:
    """Compute the evidence from all trials of a study.

    Args:
        fits: of the same study's curves when it had fewer trials.

    """
    trials, spec = snapshot.trials, snapshot.study.spec
    curves = sensitivity(snapshot, fits)
    names: list[Optimizer] = [config.name for config in spec.optimizers]
    summary = EvidenceSummary(
        trials=len(trials),
        finished_trials=sum(trial.is_final for trial in trials),
        optimizers=tuple(_of_optimizer(snapshot, curves, name) for name in names),
        standings=compare_optimizers(curves, names),
        trained=_trained(trials),
        seeds=_seeds(trials, curves),
        results_sha256=_digest(trials),
    )
    return StudyEvidence(summary, curves)


def _of_optimizer(
    snapshot: StudySnapshot, curves: tuple[SensitivityCurve, ...], optimizer: Optimizer
) -> OptimizerEvidence:
    spec = snapshot.study.spec
    searched = snapshot.trials.of(Purpose.SEARCH, optimizer)
    best = searched.best
    winner = (
        None
        if best is None
        else SearchWinner(number=best.number, **chosen(snapshot, best)._asdict())
    )
    transfer = transfer_by_parametrization(
        curves, optimizer, proxy_width=spec.proxy_width, target_width=spec.target.width
    )
    return OptimizerEvidence(
        optimizer=optimizer,
        winner=winner,
        finished_searches=sum(has_result(trial) and trial.value is not None for trial in searched),
        check=check_verdict(snapshot, optimizer),
        noise=noise_floor(snapshot, optimizer),
        transfer=transfer,
        axes=swept_axes(snapshot, optimizer, _own_optimum(spec, transfer)),
        further=further_verdict(snapshot, optimizer),
        measuring_end=measuring_end(snapshot, optimizer),
        dynamics=dynamics_findings(dynamics_of(snapshot.study.dynamics, optimizer)),
    )


def _own_optimum(spec: StudySpec, transfer: Iterable[TransferEvidence]) -> Optimum | None:
    """Optimum of the proxies under muP; None if it has no curve."""
    return next(
        (
            at.optimum
            for under in transfer
            for at in under.optima
            if (under.parametrization, at.width) == (Parametrization.MUP, spec.proxy_width)
        ),
        None,
    )


def _seeds(trials: Iterable[TrialRecord], curves: Iterable[SensitivityCurve]) -> tuple[int, ...]:
    """Seeds of the trials behind the curves, also of those that a long search does not list."""
    keys = {
        (curve.optimizer, curve.parametrization, curve.width, curve.purpose) for curve in curves
    }
    seeds = {trial.seed for trial in trials if has_result(trial) and key_of(trial) in keys}
    return tuple(sorted(seeds))


def _trained(trials: Iterable[TrialRecord]) -> tuple[TrainedTrials, ...]:
    counts = Counter((trial.width, trial.cell, trial.step) for trial in trials if trial.step > 0)
    order = sorted(counts, key=lambda at: (at[0], at[1].place if at[1] else (), at[2]))
    return tuple(
        TrainedTrials(width=width, cell=cell, step=step, trials=counts[width, cell, step])
        for width, cell, step in order
    )


def _digest(trials: Iterable[TrialRecord]) -> str:
    results = "\n".join(f"{trial.number} {trial.state} {trial.value!r}" for trial in trials)
    return hashlib.sha256(results.encode()).hexdigest()
