"""The measurement: one shared learning-rate grid around the winner, at several widths."""

import math
from collections.abc import Iterator
from itertools import product

from parametrization.rules.lookup import Parametrization
from tuner.evidence.grid import MAX_EXTENSIONS, extension, log2_grid, optimum_edge
from tuner.evidence.search_winner import finished_searches
from tuner.records.snapshot import NewTrial, StudySnapshot, TrialRecord
from tuner.spec.states import Purpose, TrialState


def grid_trials(snapshot: StudySnapshot) -> Iterator[NewTrial]:
    """Grid trials that are due and not asked for yet, for every optimizer and width.

    The grid is the same at every width. Where the best rate lies on its edge once all trials of
    a width have ended, that width alone gets points beyond it. Every search has a result.
    """
    spec = snapshot.study.spec
    purposes = [(Purpose.MEASURE, Parametrization.MUP)]
    if spec.control == "sp":
        purposes.append((Purpose.CONTROL, Parametrization.SP))
    for config in spec.optimizers:
        best = finished_searches(snapshot.trials, config.name)[0]
        grid = log2_grid(
            math.log2(best.hyperparameters["learning_rate"]),
            factor=spec.measure.grid_factor,
            points=spec.measure.grid_points,
        )
        for (purpose, parametrization), width in product(purposes, spec.measure_widths):
            mine = [
                trial
                for trial in snapshot.trials
                if (trial.purpose, trial.optimizer, trial.width) == (purpose, config.name, width)
            ]
            wave, due = _due(mine, grid, spec.measure.grid_factor)
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


def _due(
    mine: list[TrialRecord], grid: tuple[float, ...], factor: float
) -> tuple[int, tuple[float, ...]]:
    """(extension, log2 learning rates to ask for) of one optimizer, width and parametrization."""
    if not mine:
        return 0, grid
    wave = max(trial.batch for trial in mine)
    if wave == MAX_EXTENSIONS or not all(trial.is_final for trial in mine):
        return wave, ()
    losses: dict[float, list[float | None]] = {}
    for trial in mine:
        if trial.state is not TrialState.FAIL:  # a lost worker says nothing about a rate
            rate = math.log2(trial.hyperparameters["learning_rate"])
            losses.setdefault(rate, []).append(trial.value)
    side = optimum_edge(losses)
    return (wave, ()) if side is None else (wave + 1, extension(losses, side, factor=factor))
