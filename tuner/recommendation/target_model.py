"""The model of a recommendation's target: every tensor with its numbers."""

from collections.abc import Mapping
from typing import NamedTuple

from parametrization.recommendation.target import TargetFacts, WholeTarget
from parametrization.recommendation.trust import Reason
from parametrization.recommendation.values import TensorValues
from parametrization.scaling.hyperparameter_words import Setting
from parametrization.shapes.deeper_models import shape_at_depth
from parametrization.shapes.roles import ModelShape
from tuner.recommendation.targets.answered import (
    against,
    facts_of,
    match_of,
    multipliers_of,
    of_the_target,
)
from tuner.recommendation.targets.described import DescribedTarget
from tuner.recommendation.values import tensor_values
from tuner.spec.families.registry import AnyFamily
from tuner.spec.requested_target import IllegalTarget


class TargetModel(NamedTuple):
    """The target's model.

    Attributes:
        shape: its tensors at the base width.
        facts: of a described target; None of any other.
        reasons: that the description gives against the answer.

    """

    shape: ModelShape
    tensors: tuple[TensorValues, ...]
    facts: TargetFacts | None = None
    reasons: tuple[Reason, ...] = ()


def model_of_family(setting: Setting, family: AnyFamily, target: WholeTarget) -> TargetModel:
    """The family's model of the target's width and depth.

    Raises:
        IllegalTarget: if the study's model is not known at this depth.

    """
    try:
        shape = shape_at_depth(setting.shape, family.depth, target.depth)
    except ValueError as error:
        raise IllegalTarget("depth", target.depth, str(error)) from error
    return TargetModel(shape, _tensors(setting, shape))


def described_model(
    setting: Setting, family: AnyFamily, described: DescribedTarget, residual: float
) -> TargetModel:
    """The described model, with the rules of the study's tensors that its own are like.

    Args:
        setting: of the study's own model.
        residual: multiplier of the target's residual branches.

    Raises:
        IllegalConfiguration: if the study's model is of another kind.

    """
    match = match_of(setting.shape, described)
    scaled = _tensors(setting, match.shape, match.target_shapes)
    tensors = of_the_target(setting.shape, match, scaled)
    multipliers = multipliers_of(described, family, tensors, residual)
    facts = facts_of(described, match, multipliers)
    return TargetModel(match.shape, tensors, facts, against(described, match, multipliers))


def _tensors(
    setting: Setting,
    shape: ModelShape,
    target_shapes: Mapping[str, tuple[int, ...]] | None = None,
) -> tuple[TensorValues, ...]:
    return tensor_values(
        shape,
        setting.lead,
        setting.hyperparameters,
        setting.policies,
        setting.mults,
        target_shapes=target_shapes,
    )
