"""Floating-point operations of training: of one trial, and of the target."""

import math

from parametrization.recommendation.target import WholeTarget
from parametrization.shapes.deeper_models import shape_at_depth
from parametrization.shapes.roles import ModelShape
from tuner.spec.axes.cell import Cell
from tuner.spec.study import StudySpec

FORWARD_AND_BACKWARD = 6.0
"""FLOPs of one parameter for one position that it works on."""


def parameter_count(shape: ModelShape, width: int) -> int:
    """Parameters of the model at a width."""
    width_mult = width / shape.base_width
    return sum(math.prod(tensor.shape_at(width_mult)) for tensor in shape.tensors)


def trial_flops(spec: StudySpec, shape: ModelShape, width: int, steps: int) -> float:
    """FLOPs of one trial at a width.

    Args:
        shape: of the proxies.

    """
    positions = spec.training.batch_size * spec.family.positions_per_example(spec.dataset)
    return FORWARD_AND_BACKWARD * parameter_count(shape, width) * steps * positions


def cell_flops(
    spec: StudySpec, shape: ModelShape, width: int, cell: Cell | None, steps: int
) -> float:
    """FLOPs of one trial of a cell at a width; cell None is the study's own depth and batch.

    Args:
        shape: of the proxies.

    Raises:
        ValueError: if the model cannot be that deep.

    """
    of_cell = spec.at(cell)
    deeper = shape_at_depth(shape, spec.family.depth, of_cell.family.depth)
    return trial_flops(of_cell, deeper, width, steps)


def target_parameters(spec: StudySpec, shape: ModelShape, target: WholeTarget) -> int:
    """Parameters of the target, at its depth.

    Raises:
        ValueError: if the model cannot be that deep.

    """
    deeper = shape_at_depth(shape, spec.family.depth, target.depth)
    return parameter_count(deeper, target.width)


def target_flops(spec: StudySpec, shape: ModelShape, target: WholeTarget) -> float:
    """FLOPs of one training of the target.

    Raises:
        ValueError: if the model cannot be that deep.

    """
    deep = spec.family.model_copy(update={"depth": target.depth})
    examples = target.tokens / spec.family.tokens_per_example
    positions = examples * deep.positions_per_example(spec.dataset)
    return FORWARD_AND_BACKWARD * target_parameters(spec, shape, target) * positions
