"""The measurement: learning rates around the winner at several widths, with fresh seeds."""

import math
from collections.abc import Iterable, Iterator
from itertools import product

from parametrization.recommendation.evidence import Edge
from parametrization.rules.parametrization import Parametrization
from parametrization.transfer.grid import (
    MAX_EXTENSIONS,
    extension,
    log2_grid,
    optimum_edge,
)
from tuner.evidence.measuring import due_trials
from tuner.records.snapshot import StudySnapshot
from tuner.records.trials import NewTrial, TrialGroup, TrialRecord
from tuner.spec.optimizers.name import Optimizer
from tuner.spec.states import Purpose, TrialState


def measure_trials(snapshot: StudySnapshot) -> Iterator[NewTrial]:
    """Trials of the measurement that are due and not asked for yet, for every optimizer.

    Every search has a result.
    """
    if snapshot.study.spec.measure.plan == "adaptive":
        yield from _adaptive_trials(snapshot)
    yield from _grid_trials(snapshot)


def _adaptive_trials(snapshot: StudySnapshot) -> Iterator[NewTrial]:
    """The next wave of every optimizer whose last one has ended."""
    spec = snapshot.study.spec
    for config in spec.optimizers:
        wave, due = due_trials(snapshot, config.name)
        best = winner(snapshot, config.name)
        for width, log2_rate, seed in due:
            yield NewTrial(
                purpose=Purpose.MEASURE,
                optimizer=config.name,
                parametrization=Parametrization.MUP,
                width=width,
                seed=spec.seed + 1 + seed,
                batch=wave,
                hyperparameters=best.hyperparameters | {"learning_rate": 2.0**log2_rate},
                params={},
            )


def _grid_trials(snapshot: StudySnapshot) -> Iterator[NewTrial]:
    """Trials of the shared grids.

    A grid is the same at every width. Where the best rate lies on its edge once all trials of
    a width have ended, that width alone gets points beyond it.
    """
    spec = snapshot.study.spec
    purposes = []
    if spec.measure.plan == "grid":
        purposes.append((Purpose.MEASURE, Parametrization.MUP))
    if spec.control == "sp":
        purposes.append((Purpose.CONTROL, Parametrization.SP))
    for config in spec.optimizers:
        best = winner(snapshot, config.name)
        grid = log2_grid(
            math.log2(best.hyperparameters["learning_rate"]),
            factor=spec.measure.grid_factor,
            points=spec.measure.grid_points,
        )
        for (purpose, parametrization), width in product(purposes, spec.measure_widths):
            tried = snapshot.trials.of(purpose, config.name, width=width)
            wave, due = _due(tried, grid, spec.measure.grid_factor)
            for log2_lr, seed in product(due, range(spec.measure.seeds)):
                yield NewTrial(
                    purpose=purpose,
                    optimizer=config.name,
                    parametrization=parametrization,
                    width=width,
                    # Fresh seeds: the search's own flattered its winner.
                    seed=spec.seed + 1 + seed,
                    batch=wave,
                    hyperparameters=best.hyperparameters | {"learning_rate": 2.0**log2_lr},
                    params={},
                )


def repeated_trials(snapshot: StudySnapshot) -> Iterator[NewTrial]:
    """The best trial of every search once more, where a trainer of the user's own trains.

    Trials of one seed are compared as if they had seen the same batches: this is what tells whether
    they do.
    """
    if not snapshot.study.spec.family.is_external:
        return
    for config in snapshot.study.spec.optimizers:
        if not snapshot.trials.of(Purpose.REPEAT, config.name):
            best = winner(snapshot, config.name)
            yield NewTrial(
                purpose=Purpose.REPEAT,
                optimizer=config.name,
                parametrization=best.parametrization,
                width=best.width,
                seed=best.seed,
                batch=0,
                hyperparameters=best.hyperparameters,
                params={},
            )


def winner(snapshot: StudySnapshot, optimizer: Optimizer) -> TrialRecord:
    """The optimizer's best finished search trial; ties go to the earlier one.

    Raises:
        ValueError: if none has finished.
    """
    best = snapshot.trials.of(Purpose.SEARCH, optimizer).best
    if best is None:
        raise ValueError(f"no search trial of {optimizer} has finished")
    return best


def _due(
    tried: TrialGroup, grid: tuple[float, ...], factor: float
) -> tuple[int, tuple[float, ...]]:
    """(extension, log2 learning rates to ask for) of one optimizer, width and parametrization."""
    if not tried:
        return 0, grid
    wave = tried[-1].batch
    if wave == MAX_EXTENSIONS or tried.unfinished:
        return wave, ()
    side = tried.answer(_edge)
    if side is None:
        return wave, ()
    return wave + 1, extension(_losses(tried), side, factor=factor)


def _edge(trials: Iterable[TrialRecord]) -> Edge | None:
    return optimum_edge(_losses(trials))


def _losses(trials: Iterable[TrialRecord]) -> dict[float, list[float | None]]:
    """Losses by log2 learning rate."""
    losses: dict[float, list[float | None]] = {}
    for trial in trials:
        if trial.state is not TrialState.FAIL:  # a lost worker says nothing about a rate
            rate = math.log2(trial.hyperparameters["learning_rate"])
            losses.setdefault(rate, []).append(trial.value)
    return losses
