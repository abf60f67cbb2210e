"""The measurement: learning rates around the winner at several widths, with fresh seeds."""

import math
from collections.abc import Iterator
from itertools import product

from parametrization.rules.parametrization import Parametrization
from parametrization.transfer.grid import log2_grid
from tuner.decisions.axis_sweep import axis_trials
from tuner.decisions.grid_waves import due_rates
from tuner.evidence.further import Choice, chosen, due_settings, is_confirmed
from tuner.evidence.measuring import due_trials
from tuner.records.snapshot import StudySnapshot
from tuner.records.trials import NewTrial, TrialRecord
from tuner.spec.optimizers.name import Optimizer
from tuner.spec.optimizers.records import OptimizerConfig
from tuner.spec.states import Purpose


def measure_trials(snapshot: StudySnapshot) -> Iterator[NewTrial]:
    """Trials of the measurement that are due and not asked for yet, for every optimizer.

    Values searched beside the learning rate are confirmed before their optimizer is measured.
    Every search has a result.
    """
    for config in snapshot.study.spec.optimizers:
        if not is_confirmed(snapshot.study.spec, config):
            yield from _trials_of(snapshot, config)
        elif due := tuple(_confirm_trials(snapshot, config)):
            yield from due
        elif not snapshot.trials.of(Purpose.CONFIRM, config.name).unfinished:
            yield from _trials_of(snapshot, config)


def _trials_of(snapshot: StudySnapshot, config: OptimizerConfig) -> Iterator[NewTrial]:
    """Over widths first, then over the other axes that are to be measured."""
    choice = chosen(snapshot, winner(snapshot, config.name))
    due = list(_grid_trials(snapshot, config.name, choice))
    if snapshot.study.spec.measure.plan == "adaptive":
        due = [*_adaptive_trials(snapshot, config.name, choice), *due]
    yield from due or axis_trials(snapshot, config.name, choice)


def _confirm_trials(snapshot: StudySnapshot, config: OptimizerConfig) -> Iterator[NewTrial]:
    if snapshot.trials.of(Purpose.MEASURE, config.name):
        return  # a measurement ends with the values that it began with
    for wave, width, choice, seed in due_settings(snapshot, config):
        yield NewTrial(
            purpose=Purpose.CONFIRM,
            optimizer=config.name,
            parametrization=Parametrization.MUP,
            width=width,
            seed=snapshot.study.spec.seed + 1 + seed,
            batch=wave,
            hyperparameters=choice.hyperparameters,
            training=choice.training,
            params={},
        )


def _adaptive_trials(
    snapshot: StudySnapshot, optimizer: Optimizer, choice: Choice
) -> Iterator[NewTrial]:
    """The next wave, if the last one has ended."""
    spec = snapshot.study.spec
    wave, due = due_trials(snapshot, optimizer)
    for width, log2_rate, seed in due:
        yield NewTrial(
            purpose=Purpose.MEASURE,
            optimizer=optimizer,
            parametrization=Parametrization.MUP,
            width=width,
            seed=spec.seed + 1 + seed,
            batch=wave,
            hyperparameters=choice.hyperparameters | {"learning_rate": 2.0**log2_rate},
            training=choice.training,
            params={},
        )


def _grid_trials(
    snapshot: StudySnapshot, optimizer: Optimizer, choice: Choice
) -> Iterator[NewTrial]:
    """Trials of the shared grids.

    A grid is the same at every width. Where the best rate lies on its edge once all trials of
    a width have ended, that width alone gets points beyond it.
    """
    spec = snapshot.study.spec
    purposes = []
    if spec.measure.plan == "grid":
        purposes.append((Purpose.MEASURE, Parametrization.MUP))
    if spec.control != "none":
        purposes.append((Purpose.CONTROL, Parametrization(spec.control)))
    grid = log2_grid(
        math.log2(choice.hyperparameters["learning_rate"]),
        factor=spec.measure.grid_factor,
        points=spec.measure.grid_points,
    )
    for (purpose, parametrization), width in product(purposes, spec.measure_widths):
        tried = snapshot.trials.of(purpose, optimizer, width=width)
        wave, due = due_rates(tried, grid, spec.measure.grid_factor)
        for log2_lr, seed in product(due, range(spec.measure.seeds)):
            yield NewTrial(
                purpose=purpose,
                optimizer=optimizer,
                parametrization=parametrization,
                width=width,
                # Fresh seeds: the search's own flattered its winner.
                seed=spec.seed + 1 + seed,
                batch=wave,
                hyperparameters=choice.hyperparameters | {"learning_rate": 2.0**log2_lr},
                training=choice.training,
                params={},
            )


def repeated_trials(snapshot: StudySnapshot) -> Iterator[NewTrial]:
    """The best trial of every search once more, where a user's own trainer trains.

    Trials of one seed are compared as if they had seen the same batches: the repetition tests that.
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
                training=best.training,
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
