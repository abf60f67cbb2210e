"""Select the points of a study's search among imported trials."""

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from tuner.records.given_points import NewPoint
from tuner.spec.optimizers.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from tuner.spec.optimizers.records import OptimizerConfig


class Row(NamedTuple):
    """An imported trial: its hyperparameters and its result."""

    name: str
    """Name of the trial in its source."""
    params: Mapping[str, float]
    value: float | None
    """None: it did not end with a number."""


class LeftOut(NamedTuple):
    """An imported trial that the search cannot use, with the reason."""

    name: str
    reason: str


def misfits(config: OptimizerConfig, params: Mapping[str, float]) -> dict[str, str]:
    """Reasons, by name, that hyperparameters do not fit this optimizer's search."""
    searched, fixed = config.searched, config.fixed
    found = {}
    for name, value in params.items():
        if name in searched:
            problem = _outside(searched[name], value)
        elif name in fixed:
            problem = None if value == fixed[name] else f"is {fixed[name]:g} in every trial"
        else:
            known = ", ".join(searched)
            problem = f"is no hyperparameter of {config.name}: this study searches {known}"
        if problem:
            found[name] = problem
    return found


def prior_points(
    config: OptimizerConfig, rows: Iterable[Row], source: str
) -> tuple[list[NewPoint], list[LeftOut]]:
    """The trials that this optimizer's search can learn from, and the others.

    A trial must have a finite value and every hyperparameter that is searched, inside its range;
    other hyperparameters are ignored, unless the study fixes them at another number.
    """
    points, left_out = [], []
    for row in rows:
        known = {n: v for n, v in row.params.items() if n in config.searched or n in config.fixed}
        missing = [name for name in config.searched if name not in known]
        problems = [f"{name} {words}" for name, words in misfits(config, known).items()]
        if row.value is None or not math.isfinite(row.value):
            left_out.append(LeftOut(row.name, "it did not end with a finite value"))
        elif missing:
            left_out.append(LeftOut(row.name, f"it has no {', '.join(missing)}"))
        elif problems:
            left_out.append(LeftOut(row.name, "; ".join(problems)))
        else:
            params = {name: known[name] for name in config.searched}
            points.append(
                NewPoint(optimizer=config.name, params=params, value=row.value, source=source)
            )
    return points, left_out


def _outside(
    ours: FloatDistribution | IntDistribution | CategoricalDistribution, value: float
) -> str | None:
    if isinstance(ours, CategoricalDistribution):
        choices = ", ".join(f"{choice:g}" for choice in ours.choices)
        return None if value in ours.choices else f"must be one of {choices}, not {value:g}"
    if not ours.low <= value <= ours.high:
        return f"must be from {ours.low:g} to {ours.high:g}, not {value:g}"
    if isinstance(ours, IntDistribution) and value != int(value):
        return f"must be a whole number, not {value:g}"
    if ours.step is not None and not _is_whole((value - ours.low) / ours.step):
        return f"must be {ours.low:g} and a multiple of {ours.step:g}, not {value:g}"
    return None


def _is_whole(steps: float) -> bool:
    return abs(steps - round(steps)) < 1e-8
