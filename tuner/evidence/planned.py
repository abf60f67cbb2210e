"""Count the trials that a study would run by purpose and width, and the runs of its check."""

import math
from collections.abc import Iterator
from typing import Final

from parametrization.check.usual_settings import UPDATES
from parametrization.recommendation.record import Record
from parametrization.shapes.roles import ModelShape
from tuner.evidence import further
from tuner.evidence.flops import FORWARD_AND_BACKWARD, cell_flops
from tuner.evidence.next_trials import AROUND_STEPS, FIRST_RATES, first_seeds
from tuner.evidence.sizes import Sizes, trial_positions
from tuner.spec.axes.cell import Cell
from tuner.spec.optimizers.name import Optimizer
from tuner.spec.states import Purpose
from tuner.spec.study import StudySpec

AXIS_RATES: Final = 5
"""Rates in a cell of the sweep over axes, a step apart; more if the best is at the edge."""


def planned_trials(spec: StudySpec) -> dict[tuple[Purpose, int], int]:
    """Trials by purpose and width: as many as an adaptive plan usually takes, grids unextended.

    {} if the study stops after its coordinate check, which has no trials.
    """
    if spec.only_checks:
        return {}
    optimizers = len(spec.optimizers)
    grid = dict.fromkeys(
        spec.measure_widths, optimizers * spec.measure.seeds * spec.measure.grid_points
    )
    usual = grid
    if spec.measure.plan == "adaptive":
        usual = {w: optimizers * n for w, n in adaptive_trials(spec).items()}
    planned = {(Purpose.CONFIRM, width): count for width, count in further.planned(spec).items()}
    planned |= {(Purpose.MEASURE, width): count for width, count in usual.items()}
    if spec.control != "none":
        planned |= {(Purpose.CONTROL, width): count for width, count in grid.items()}
    if spec.cells:
        planned[Purpose.AXIS, spec.proxy_width] = len(spec.cells) * axis_trials_a_cell(spec)
    if spec.family.is_external:
        planned[Purpose.REPEAT, spec.proxy_width] = len(spec.optimizers)
    return {(Purpose.SEARCH, spec.proxy_width): spec.search.trials * len(spec.optimizers)} | planned


def axis_trials_a_cell(spec: StudySpec) -> int:
    """Trials of all optimizers in one cell of the sweep over axes, before any extension."""
    return len(spec.optimizers) * AXIS_RATES * spec.measure.axes.seeds


def planned_flops(spec: StudySpec, shape: ModelShape, purpose: Purpose, width: int) -> float:
    """FLOPs of one planned trial; those of the sweep over axes cost the mean of its cells.

    Args:
        shape: of the proxies.

    """
    cells: tuple[Cell | None, ...] = spec.cells if purpose is Purpose.AXIS else (None,)
    each = (cell_flops(spec, shape, width, at, spec.at(at).training.steps) for at in cells)
    return math.fsum(each) / len(cells)


def adaptive_trials(spec: StudySpec) -> dict[int, int]:
    """Trials of one optimizer by width, as many as an adaptive measurement usually takes."""
    widths = spec.measure_widths
    costs = tuple(float(width**2) for width in widths)
    planned = {
        width: FIRST_RATES * first_seeds(cost, costs[-1])
        for width, cost in zip(widths, costs, strict=True)
    }
    return planned | {widths[-1]: planned[widths[-1]] + len(AROUND_STEPS)}


class PlannedCheck(Record):
    """The coordinate check of one optimizer at one width."""

    optimizer: Optimizer
    width: int
    seeds: int
    updates: int
    """With each seed."""
    parameters: int | None
    """Of its model; null where that is not known before one is built."""
    flops: float | None
    """Of the updates with all seeds."""


def planned_checks(spec: StudySpec, sizes: Sizes | None) -> Iterator[PlannedCheck]:
    """Runs of the coordinate check, the narrowest width first; none if the family skips it.

    Args:
        sizes: of its models; None if they are not known.

    """
    if spec.family.skips_check:
        return
    for config in spec.optimizers:
        seeds = spec.check_seeds(config.name)
        for width in spec.check_widths:
            parameters = None if sizes is None else sizes(width, spec.family.depth)
            positions = trial_positions(spec, UPDATES * seeds)
            yield PlannedCheck(
                optimizer=config.name,
                width=width,
                seeds=seeds,
                updates=UPDATES,
                parameters=parameters,
                flops=None if parameters is None else FORWARD_AND_BACKWARD * parameters * positions,
            )
