"""Count the parameters of a study's models, whether or not one has been built yet."""

from collections.abc import Callable
from typing import TypeAlias

from parametrization.recommendation.target import WholeTarget
from parametrization.shapes.deeper_models import shape_at_depth
from parametrization.shapes.roles import ModelShape
from tuner.evidence.flops import parameter_count
from tuner.spec.study import StudySpec

Sizes: TypeAlias = Callable[[int, int], int]
"""Parameters of the model of a width and depth; ValueError if it cannot be that deep."""


def sizes_of(spec: StudySpec, shape: ModelShape | None) -> Sizes | None:
    """Parameter counts by width and depth: from the model's shape, else in closed form.

    None if they are not known before a model is built.

    Args:
        shape: of the proxies; None if it is not known.

    """
    if shape is not None:
        return lambda width, depth: parameter_count(
            shape_at_depth(shape, spec.family.depth, depth), width
        )
    if spec.family.parameters(spec.dataset, spec.proxy_width) is None:
        return None
    return lambda width, depth: _counted(spec, width, depth)


def target_positions(spec: StudySpec, target: WholeTarget) -> float:
    """Positions that the target's parameters work on, in all of its training."""
    deep = spec.family.model_copy(update={"depth": target.depth})
    examples = target.tokens / spec.family.tokens_per_example
    return examples * deep.positions_per_example(spec.dataset)


def trial_positions(spec: StudySpec, steps: int) -> float:
    """Positions that the parameters of a trial work on in that many updates."""
    per_step = spec.training.batch_size * spec.family.positions_per_example(spec.dataset)
    return steps * per_step


def _counted(spec: StudySpec, width: int, depth: int) -> int:
    deep = spec.family.model_copy(update={"depth": depth})
    count = deep.parameters(spec.dataset, width)
    assert count is not None, "as of the proxies"
    return count
