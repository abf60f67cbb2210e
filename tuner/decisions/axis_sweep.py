"""The sweep over depth, batch and tokens: learning rates in every cell, at the proxy width."""

import math
from collections.abc import Iterator, Sequence

from parametrization.rules.parametrization import Parametrization
from parametrization.transfer.grid import log2_grid
from parametrization.transfer.optimum import fit_optimum
from tuner.decisions.grid_waves import due_rates
from tuner.evidence.axes.sweep import by_the_rules, expected_rate, trials_in
from tuner.evidence.further import Choice
from tuner.evidence.planned import AXIS_RATES
from tuner.evidence.sensitivity import has_result
from tuner.records.snapshot import StudySnapshot
from tuner.records.trials import NewTrial, TrialRecord
from tuner.spec.optimizers.name import Optimizer
from tuner.spec.states import Purpose


def axis_trials(
    snapshot: StudySnapshot, optimizer: Optimizer, choice: Choice
) -> Iterator[NewTrial]:
    """Trials of the sweep that are due and not asked for yet; none before widths are measured.

    Every cell has rates of its own, around where published exponents expect its best one. Where
    the best lies on their edge once all trials of the cell have ended, it gets points beyond.
    """
    spec, shape = snapshot.study.spec, snapshot.study.shape
    of_width = snapshot.trials.of(Purpose.MEASURE, optimizer, width=spec.proxy_width)
    measured = snapshot.trials.of(Purpose.MEASURE, optimizer)
    if not spec.cells or shape is None or not measured or measured.unfinished:
        return
    hyperparameters = choice.hyperparameters
    tried, factor = snapshot.trials.of(Purpose.AXIS, optimizer), spec.measure.grid_factor
    own = of_width.answer(_own_rate)
    centre = math.log2(hyperparameters["learning_rate"]) if own is None else own
    for cell in by_the_rules(spec, optimizer, shape, hyperparameters):
        expected = expected_rate(spec, optimizer, cell, centre)
        grid = log2_grid(expected, factor=factor, points=AXIS_RATES)
        wave, due = due_rates(trials_in(tried, cell), grid, factor)
        for log2_rate in due:
            for seed in range(spec.measure.axes.seeds):
                yield NewTrial(
                    purpose=Purpose.AXIS,
                    optimizer=optimizer,
                    parametrization=Parametrization.MUP,
                    width=spec.proxy_width,
                    seed=spec.seed + 1 + seed,
                    batch=wave,
                    hyperparameters={**hyperparameters, "learning_rate": 2.0**log2_rate},
                    training=choice.training,
                    params={},
                    cell=cell,
                )


def _own_rate(trials: Sequence[TrialRecord]) -> float | None:
    """log2 of the proxies' best rate; None if no trial has a result."""
    return fit_optimum(
        (math.log2(trial.hyperparameters["learning_rate"]), trial.value)
        for trial in trials
        if has_result(trial)
    ).log2_learning_rate
