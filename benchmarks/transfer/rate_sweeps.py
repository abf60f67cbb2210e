"""Learning-rate sweeps with the workers' own trainer, and the optima that studies fit to them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import fmean
from typing import Final

from parametrization.recommendation.evidence import Optimum, WidthOptimum
from parametrization.scaling.companions import flat_defaults
from parametrization.transfer.drift import (
    drift,
)
from parametrization.transfer.optimum import (
    fit_optimum,
)
from parametrization.transfer.regret import Losses
from tuner.engine.orders import ModelSpec, TrialSpec
from tuner.engine.packing import Packing
from tuner.spec.study_fields import Training
from workers.cohort.programs import Programs
from workers.packing.train_together import train_packed
from workers.training.trainer import compared_value, train_to
from workers.training.trial import RunningTrial, new_trial

MOST_RATES: Final = 17


def swept(rates: Iterable[int], losses_at: Callable[[float], tuple[float | None, ...]]) -> Losses:
    """Losses by log2(learning rate), over these and further rates while the best is at an edge.

    Args:
        losses_at: a rate's loss, seed by seed; None where it diverged.

    """
    due = list(rates)
    losses: dict[float, tuple[float | None, ...]] = {}
    while due:
        losses |= {float(rate): losses_at(2.0**rate) for rate in due}
        due = [] if len(losses) >= MOST_RATES else _beyond(losses)
    return losses


def refined(losses: Losses, losses_at: Callable[[float], tuple[float | None, ...]]) -> Losses:
    """The same with the half octaves around the best rate: divergence may be one octave away."""
    best = best_rate(losses)[0]
    between = {best + offset for offset in (-1.5, -0.5, 0.5, 1.5)}
    return {**losses, **{rate: losses_at(2.0**rate) for rate in sorted(between)}}


def _beyond(losses: Losses) -> list[int]:
    """The next rates, where the best one is the last of the grid on one side; else none."""
    (best, _), low, high = best_rate(losses), min(losses), max(losses)
    if best == high:
        return [int(high) + 1, int(high) + 2]
    return [int(low) - 1, int(low) - 2] if best == low else []


def best_rate(losses: Losses) -> tuple[float, float]:
    """The rate of the lowest mean loss at which no seed diverged, and that loss."""
    means = {
        rate: fmean(known)
        for rate, seeds in losses.items()
        if len(known := [loss for loss in seeds if loss is not None]) == len(seeds)
    }
    rate = min(means, key=means.__getitem__)
    return rate, means[rate]


def trained_loss(
    optimizer: str, model: ModelSpec, rate: float, seed: int, training: Training
) -> float | None:
    """The loss that studies compare trials by; None if it diverged."""
    trial = _trial(0, optimizer, model, rate, seed, training)
    segment = train_to(trial, training.steps)
    return None if segment.diverged_at else compared_value(trial, segment)


def trained_losses(
    optimizer: str,
    model: ModelSpec,
    rates: Sequence[float],
    seed: int,
    training: Training,
    programs: Programs,
) -> tuple[float | None, ...]:
    """The same of several rates that train as one cohort, in their order."""
    trials = [
        _trial(number, optimizer, model, rate, seed, training) for number, rate in enumerate(rates)
    ]
    packing = Packing(way="fused", least=2, most=len(trials), device="cpu")
    losses = {
        trial.spec.number: None if segment.diverged_at else compared_value(trial, segment)
        for trial, segment in train_packed(trials, training.steps, packing, programs)
    }
    return tuple(losses[number] for number in range(len(trials)))


def _trial(
    number: int, optimizer: str, model: ModelSpec, rate: float, seed: int, training: Training
) -> RunningTrial:
    return new_trial(
        TrialSpec(
            number=number,
            model=model,
            optimizer=optimizer,
            hyperparameters={
                "init_std": 1.0,
                "output_multiplier": 1.0,
                **flat_defaults(optimizer),
                "learning_rate": rate,
            },
            training=training,
            seed=seed,
        )
    )


def optimum(losses: Losses) -> Optimum:
    """The optimum that a study would fit to these losses."""
    return fit_optimum((rate, loss) for rate, seeds in losses.items() for loss in seeds)


def log2_rate(at: Optimum) -> float | None:
    """log2 of the best rate, rounded; None where no optimum was measured."""
    known = at.status == "measured" and at.log2_learning_rate is not None
    return round(at.log2_learning_rate, 2) if known and at.log2_learning_rate is not None else None


def told(at: Optimum) -> str:
    """The optimum in one line."""
    rate = log2_rate(at)
    return f"optimum {at.status}" if rate is None else f"optimum at a rate of 2^{rate:g}"


def shift_octaves(by_size: Mapping[int, Optimum]) -> float | None:
    """The largest size's measured optimum less the smallest's."""
    known = [rate for at in by_size.values() if (rate := log2_rate(at)) is not None]
    return round(known[-1] - known[0], 2) if len(known) > 1 else None


def drift_octaves(by_size: Mapping[int, Optimum]) -> float | None:
    """The slope through all sizes per doubling, by the data alone."""
    optima = tuple(WidthOptimum(width=size, optimum=at) for size, at in by_size.items())
    found = drift(optima)
    return None if found is None else round(found.octaves_per_doubling, 3)
