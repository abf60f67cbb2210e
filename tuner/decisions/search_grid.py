"""Choose the points of a grid search."""

import math
from collections.abc import Mapping, Sequence

from tuner.decisions.optuna_trials import searched_by
from tuner.spec.optimizers.distributions import FloatDistribution, IntDistribution
from tuner.spec.optimizers.records import OptimizerConfig
from tuner.spec.study import StudySpec


def search_grid(spec: StudySpec, config: OptimizerConfig) -> Mapping[str, Sequence[float | str]]:
    """Cut every range into equally many, evenly on its own scale, to about `trials` points."""
    searched = searched_by(config, spec.searched_training(config.name))
    points = max(2, math.ceil(spec.search.trials ** (1 / len(searched))))
    return {
        name: _spread(value, points)
        if isinstance(value, FloatDistribution | IntDistribution)
        else value.choices
        for name, value in searched.items()
    }


def _spread(ours: FloatDistribution | IntDistribution, points: int) -> list[float]:
    fractions = [i / (points - 1) for i in range(points)]
    if ours.log:
        spread = [ours.low * (ours.high / ours.low) ** fraction for fraction in fractions]
    else:
        spread = [ours.low + (ours.high - ours.low) * fraction for fraction in fractions]
    if isinstance(ours, IntDistribution):
        return sorted({ours.low + round((x - ours.low) / ours.step) * ours.step for x in spread})
    spread[-1] = ours.high  # rounding must not leave the range
    if ours.step is not None:
        return sorted({ours.low + round((x - ours.low) / ours.step) * ours.step for x in spread})
    return spread
