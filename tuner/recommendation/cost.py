"""Compute the cost of tuning, beside that of training the target."""

import math
from collections.abc import Iterable
from itertools import repeat

from parametrization.recommendation.document import TuningCost
from parametrization.recommendation.target import WholeTarget
from parametrization.shapes.deeper_models import shape_at_depth
from parametrization.shapes.roles import ModelShape
from tuner.evidence.study_evidence import TrainedTrials
from tuner.spec.study import StudySpec

_HOW = (
    "6 x parameters x the positions that they work on (tokens, patches, pixels of a convolution),"
    " forward and backward, for the updates that were done, and for those of the target on its"
    " batches. Attention's own products and the coordinate check are left out."
)


def tuning_cost(
    trained: Iterable[TrainedTrials], spec: StudySpec, shape: ModelShape, target: WholeTarget
) -> TuningCost:
    """Cost of the trials as a share of training the target.

    Args:
        trained: how many trials have done how many steps.
        shape: of the proxies.

    """
    done = tuple(trained)
    positions = spec.training.batch_size * spec.family.positions_per_example(spec.dataset)
    parameters_at = {at.width: parameter_count(shape, at.width) for at in done}
    spent = math.fsum(
        flops
        for at in done
        for flops in repeat(6.0 * parameters_at[at.width] * at.step * positions, at.trials)
    )
    deep = spec.family.model_copy(update={"depth": target.depth})
    parameters = parameter_count(
        shape_at_depth(shape, spec.family.depth, target.depth), target.width
    )
    examples = target.tokens / spec.family.tokens_per_example
    flops = 6.0 * parameters * examples * deep.positions_per_example(spec.dataset)
    return TuningCost(
        trials=sum(at.trials for at in done),
        tuning_flops=spent,
        target_parameters=parameters,
        target_tokens=target.tokens,
        target_flops=flops,
        share_percent=100 * spent / flops,
        how=_HOW,
    )


def parameter_count(shape: ModelShape, width: int) -> int:
    """Parameters of the model at a width."""
    width_mult = width / shape.base_width
    return sum(math.prod(tensor.shape_at(width_mult)) for tensor in shape.tensors)
