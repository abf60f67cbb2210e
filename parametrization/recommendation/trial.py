"""The numbers of one trial: its hyperparameters after the rules, at its width."""

from parametrization.recommendation.declared_names import OptimizerName
from parametrization.recommendation.record import Record
from parametrization.recommendation.values import ParameterGroup, ScheduleValues, TensorValues
from parametrization.rules.policies import Policies
from parametrization.scaling.multipliers import Multipliers
from parametrization.shapes.roles import ModelShape


class TrialNumbers(Record):
    """Per tensor and per parameter group, and the schedule drawn out over the trial's steps."""

    optimizer: OptimizerName
    policies: Policies
    multipliers: Multipliers
    """The trial over the base."""
    residual_multiplier: float
    """Factor on every residual branch: x + residual_multiplier * f(x)."""
    gradient_clip_norm: float | None
    gradient_clip_value: float | None = None
    gradient_clip_percentile: float | None = None
    groups: tuple[ParameterGroup, ...]
    tensors: tuple[TensorValues, ...]
    schedule: ScheduleValues
    base_shapes: ModelShape
    """The model's tensors at the base width."""
