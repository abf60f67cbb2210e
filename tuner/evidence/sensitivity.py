"""What a study's trials say: loss against learning rate, and how far the optimum transfers."""

import math
from collections.abc import Iterable, Sequence
from typing import Final

from parametrization.check.verdict import CheckVerdict, TensorStatistic, judge
from parametrization.rules.parametrization import Parametrization
from tuner.evidence.drift import DRIFT_PRIOR_OCTAVES, Drift, WidthOptimum, drift
from tuner.evidence.optimum import Optimum, fit_optimum
from tuner.evidence.regret import (
    Losses,
    Regret,
    WiderIsBetter,
    leave_widest_out,
    regrets,
    wider_is_better,
)
from tuner.records.snapshot import StudySnapshot
from tuner.records.trials import TrialRecord
from tuner.spec.optimizer_name import Optimizer
from tuner.spec.record import Record
from tuner.spec.states import Purpose, StateReason, TrialState

PRIOR_OCTAVES: Final[dict[Parametrization, float | None]] = {
    Parametrization.MUP: DRIFT_PRIOR_OCTAVES,
    Parametrization.SP: None,  # promises nothing: the data alone speak
}


class SeedLoss(Record):
    """What one trial came to."""

    seed: int
    number: int
    """The trial's number within its study."""
    loss: float | None
    """What trials of the family are compared by (`compared_by`); None if it diverged."""


class SensitivityPoint(Record):
    """One learning rate, given at the base width, as trials of one width did with it."""

    log2_learning_rate: float
    learning_rate: float
    mean_loss: float | None
    """Mean over the seeds; None if one of them diverged."""
    diverged: int
    """How many of the seeds diverged."""
    seeds: tuple[SeedLoss, ...]


class SensitivityCurve(Record):
    """Loss against learning rate at one width."""

    optimizer: Optimizer
    parametrization: Parametrization
    width: int
    purpose: Purpose
    """`search`: Optuna's proposals, listed until the width's own grid has enough for a fit."""
    points: tuple[SensitivityPoint, ...]
    """By learning rate."""
    optimum: Optimum


class TransferEvidence(Record):
    """How the optimum of one optimizer moves with width under one parametrization."""

    optimizer: Optimizer
    parametrization: Parametrization
    proxy_width: int
    optima: tuple[WidthOptimum, ...]
    """Narrowest first; every width with trials."""
    drift: Drift | None
    """None until two widths are measured."""
    shift_octaves: float | None
    """Optimum of the widest width less the proxy's; None unless both are measured."""
    shift_doublings: float | None
    """Doublings of width between the two."""
    proxy_regret: Regret | None
    """What the proxy's optimum costs at the widest width."""
    regrets: tuple[Regret, ...]
    """What every narrower width's optimum costs at the widest width, narrowest first."""
    leave_widest_out: Regret | None
    """What the rate that the narrower widths predict for the widest one costs there."""
    wider_is_better: WiderIsBetter | None


class OptimizerStanding(Record):
    """One optimizer of a study that names several, after tuning."""

    optimizer: Optimizer
    width: int
    """The widest width that every optimizer of the study is measured at."""
    loss: float
    """At the optimizer's own best rate there."""
    log2_learning_rate: float
    """That rate, at the base width."""
    excess_percent: float
    """Loss over the best optimizer's; 0 for the best one."""


def sensitivity(snapshot: StudySnapshot) -> tuple[SensitivityCurve, ...]:
    """Every curve there is, by optimizer, parametrization (muP first) and width.

    A curve lists trials that ended with a loss or diverged. The proxy width has two curves, the
    search's and the grid's, until the grid has enough for a fit.
    """
    found: dict[tuple[Optimizer, Parametrization, int, Purpose], list[TrialRecord]] = {}
    for trial in snapshot.trials:
        if _says_something(trial):
            key = (trial.optimizer, trial.parametrization, trial.width, trial.purpose)
            found.setdefault(key, []).append(trial)
    optimizers: list[Optimizer] = [config.name for config in snapshot.study.spec.optimizers]
    order = sorted(
        found, key=lambda key: (optimizers.index(key[0]), key[1] is Parametrization.SP, key[2])
    )
    curves = [_curve(key, found[key]) for key in order]
    fitted = {
        (curve.optimizer, curve.width)
        for curve in curves
        if curve.purpose is Purpose.MEASURE and curve.optimum.status != "unknown"
    }
    return tuple(
        curve
        for curve in curves
        if curve.purpose is not Purpose.SEARCH or (curve.optimizer, curve.width) not in fitted
    )


def summarise(
    curves: Iterable[SensitivityCurve],
    optimizer: Optimizer,
    parametrization: Parametrization,
    *,
    proxy_width: int,
) -> TransferEvidence:
    """The evidence that `sensitivity`'s curves hold about one optimizer's transfer."""
    by_width: dict[int, SensitivityCurve] = {}
    for curve in curves:
        if (curve.optimizer, curve.parametrization) == (optimizer, parametrization):
            other = by_width.get(curve.width)
            if other is None or other.optimum.status == "unknown":
                by_width[curve.width] = curve
    optima = tuple(
        WidthOptimum(width=width, optimum=by_width[width].optimum) for width in sorted(by_width)
    )
    known = [at for at in optima if at.optimum.status != "unknown"]
    losses = {
        width: losses_of(curve)
        for width, curve in by_width.items()
        if curve.purpose is not Purpose.SEARCH
    }
    prior = PRIOR_OCTAVES[parametrization]
    widest = losses.get(known[-1].width) if len(known) > 1 else None
    reused = () if widest is None else regrets(known, widest)
    shift = _shift(known, proxy_width)
    return TransferEvidence(
        optimizer=optimizer,
        parametrization=parametrization,
        proxy_width=proxy_width,
        optima=optima,
        drift=drift(optima, prior_octaves=prior),
        shift_octaves=shift,
        shift_doublings=None if shift is None else math.log2(known[-1].width / proxy_width),
        proxy_regret=next((regret for regret in reused if regret.from_width == proxy_width), None),
        regrets=reused,
        leave_widest_out=None
        if widest is None
        else leave_widest_out(known, widest, prior_octaves=prior),
        wider_is_better=wider_is_better(losses),
    )


def check_verdict(snapshot: StudySnapshot, optimizer: Optimizer) -> CheckVerdict | None:
    """The coordinate check's verdict on one optimizer; None until it has run."""
    statistics = [
        TensorStatistic(at.tensor, at.width, at.seed, at.update_rms, at.propagation_rms)
        for at in snapshot.statistics
        if at.optimizer == optimizer
    ]
    if not statistics or snapshot.study.shape is None:
        return None
    policies = snapshot.study.spec.policies.chosen
    return judge(statistics, snapshot.study.shape, optimizer, policies=policies)


def compare_optimizers(
    curves: Iterable[SensitivityCurve], optimizers: Sequence[Optimizer]
) -> tuple[OptimizerStanding, ...]:
    """Standings of a study's optimizers under muP, best first; () until all can be compared.

    Trials of one study see the same tokens and, because an optimizer's own arithmetic is
    negligible beside the model's, spend the same FLOPs: one comparison serves for both.
    """
    best_at: dict[tuple[Optimizer, int], tuple[float, float]] = {}
    for curve in curves:
        rate, loss = curve.optimum.log2_learning_rate, curve.optimum.loss
        if curve.parametrization is Parametrization.MUP and rate is not None and loss is not None:
            best_at[curve.optimizer, curve.width] = (loss, rate)
    widths = [
        width
        for width in {at for _, at in best_at}
        if all((optimizer, width) in best_at for optimizer in optimizers)
    ]
    if not widths:
        return ()
    ranked = sorted((*best_at[optimizer, max(widths)], optimizer) for optimizer in optimizers)
    return tuple(
        OptimizerStanding(
            optimizer=optimizer,
            width=max(widths),
            loss=loss,
            log2_learning_rate=rate,
            excess_percent=100 * (loss / ranked[0][0] - 1),
        )
        for loss, rate, optimizer in ranked
    )


def losses_of(curve: SensitivityCurve) -> Losses:
    """The curve's losses by log2(learning rate)."""
    return {
        point.log2_learning_rate: tuple(seed.loss for seed in point.seeds) for point in curve.points
    }


def _says_something(trial: TrialRecord) -> bool:
    """Whether the trial tells of its learning rate: it ended with a loss, or diverged.

    One that a pruner stopped, or whose worker was lost, does neither.
    """
    return (trial.state is TrialState.COMPLETE and trial.value is not None) or (
        trial.state_reason is StateReason.DIVERGED
    )


def _curve(
    key: tuple[Optimizer, Parametrization, int, Purpose], trials: Iterable[TrialRecord]
) -> SensitivityCurve:
    by_rate: dict[float, list[SeedLoss]] = {}
    for trial in sorted(trials, key=lambda trial: (trial.seed, trial.number)):
        # Rounded, for 2 ** x and log2 need not undo each other to the last bit.
        rate = round(math.log2(trial.hyperparameters["learning_rate"]), 9)
        loss = None if trial.state_reason is StateReason.DIVERGED else trial.value
        by_rate.setdefault(rate, []).append(
            SeedLoss(seed=trial.seed, number=trial.number, loss=loss)
        )
    optimizer, parametrization, width, purpose = key
    points = tuple(_point(rate, by_rate[rate]) for rate in sorted(by_rate))
    return SensitivityCurve(
        optimizer=optimizer,
        parametrization=parametrization,
        width=width,
        purpose=purpose,
        points=points,
        optimum=fit_optimum(
            (point.log2_learning_rate, seed.loss) for point in points for seed in point.seeds
        ),
    )


def _point(rate: float, seeds: list[SeedLoss]) -> SensitivityPoint:
    finite = [seed.loss for seed in seeds if seed.loss is not None]
    diverged = len(seeds) - len(finite)
    return SensitivityPoint(
        log2_learning_rate=rate,
        learning_rate=2.0**rate,
        mean_loss=None if diverged else math.fsum(finite) / len(finite),
        diverged=diverged,
        seeds=tuple(seeds),
    )


def _shift(known: Sequence[WidthOptimum], proxy_width: int) -> float | None:
    measured = {
        at.width: at.optimum.log2_learning_rate for at in known if at.optimum.status == "measured"
    }
    if not known or known[-1].width == proxy_width:
        return None
    proxy, widest = measured.get(proxy_width), measured.get(known[-1].width)
    return None if proxy is None or widest is None else widest - proxy
