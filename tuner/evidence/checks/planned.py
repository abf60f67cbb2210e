"""Count the updates of a coordinate check, by optimizer and width, and what they cost."""

from collections.abc import Iterator

from parametrization.check.usual_settings import UPDATES
from tuner.evidence.flops import FORWARD_AND_BACKWARD
from tuner.evidence.sizes import Sizes, trial_positions
from tuner.spec.optimizers.name import Optimizer
from tuner.spec.record import Record
from tuner.spec.study import StudySpec


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
    """What the coordinate check runs, the narrowest width first; nothing where it is skipped.

    Args:
        sizes: of its models, where they are known.

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
