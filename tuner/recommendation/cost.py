"""The cost of tuning, as a share of training the target."""

import math
from collections.abc import Iterable
from itertools import repeat

from parametrization.recommendation.document import MeasuringEnd, TuningCost
from parametrization.recommendation.target import WholeTarget
from parametrization.shapes.roles import ModelShape
from tuner.evidence.dynamics.cost import dynamics_flops
from tuner.evidence.flops import (
    cell_flops,
    parameter_count,
    target_flops,
    target_parameters,
)
from tuner.evidence.study_evidence import TrainedTrials
from tuner.spec.study import StudySpec

_HOW = (
    "6 x parameters x the positions that they work on (tokens, patches, pixels of a convolution),"
    " forward and backward, for the updates that were done, and for those of the target on its"
    " batches. Attention's own products and the coordinate check are left out."
)


def tuning_cost(
    trained: Iterable[TrainedTrials],
    spec: StudySpec,
    shape: ModelShape,
    target: WholeTarget,
    measuring_end: MeasuringEnd | None = None,
    *,
    looked_at: Iterable[int] = (),
) -> TuningCost:
    """Cost of the trials, and of the dynamics, as a share of training the target.

    Args:
        trained: numbers of trials by width, cell and steps done.
        shape: of the proxies.
        looked_at: widths whose dynamics were measured, once for every training.

    """
    done = tuple(trained)
    spent = math.fsum(
        flops
        for at in done
        for flops in repeat(cell_flops(spec, shape, at.width, at.cell, at.step), at.trials)
    ) + math.fsum(dynamics_flops(spec, parameter_count(shape, width)) for width in looked_at)
    flops = target_flops(spec, shape, target)
    return TuningCost(
        trials=sum(at.trials for at in done),
        tuning_flops=spent,
        target_parameters=target_parameters(spec, shape, target),
        target_tokens=target.tokens,
        target_flops=flops,
        share_percent=100 * spent / flops,
        how=_HOW,
        measuring_end=measuring_end,
    )
