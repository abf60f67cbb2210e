"""The numbers of a recommendation: per tensor, per group of equal tensors, and over training."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Final, NamedTuple

from parametrization.recommendation.values import (
    ParameterGroup,
    SchedulePoint,
    ScheduleValues,
    TensorValues,
    WeightAverage,
)
from parametrization.rules.policies import Policies
from parametrization.scaling.companions import by_optimizer
from parametrization.scaling.model_scaling import scale
from parametrization.scaling.multipliers import Multipliers
from parametrization.scaling.schedule import Schedule, average_decay
from parametrization.scaling.tensor_scaling import TensorScaling
from parametrization.shapes.like_tensors import TensorFamily, tensor_families
from parametrization.shapes.roles import ModelShape, Role
from tuner.spec.optimizers.name import Optimizer
from tuner.spec.study_fields import Training

_OWN_FIELDS: Final = ("beta1", "beta2", "momentum")


class Duration(NamedTuple):
    """Length of a training: steps, batch and tokens."""

    steps: int
    batch_size: int
    """The full one."""
    tokens_per_example: int


def tensor_values(
    shape: ModelShape,
    optimizer: Optimizer,
    hyperparameters: Mapping[str, float],
    policies: Policies,
    multipliers: Multipliers,
    target_shapes: Mapping[str, tuple[int, ...]] | None = None,
) -> tuple[TensorValues, ...]:
    """Every tensor's numbers, like tensors of repeated blocks together.

    Args:
        shape: at the base width and the target's depth.
        hyperparameters: at the base.
        multipliers: target over base.
        target_shapes: by name, where the width multiplier does not give them.

    Raises:
        ValueError: if a hyperparameter is unfit, or the width gives a tensor no whole shape.

    """
    scalings = scale(
        shape,
        hyperparameters,
        multipliers,
        optimizer=optimizer,
        policies=policies,
        target_shapes=target_shapes,
    )
    return values_of(scalings, tensor_families(shape.tensors))


def values_of(
    scalings: Iterable[TensorScaling], families: Iterable[TensorFamily]
) -> tuple[TensorValues, ...]:
    """The numbers of tensors that are scaled, like tensors of their families together."""
    by_name = {scaling.name: scaling for scaling in scalings}
    return tuple(
        _values(family.name, like)
        for family in families
        for like in _equal_ones(by_name[tensor.name] for tensor in family.tensors)
    )


def parameter_groups(
    tensors: Iterable[TensorValues], optimizer: Optimizer, hyperparameters: Mapping[str, float]
) -> tuple[ParameterGroup, ...]:
    """Groups of tensors whose role and optimizer settings are equal.

    Args:
        optimizer: the one that leads.
        hyperparameters: of the study, at the base width.

    """
    at_base = by_optimizer(optimizer, hyperparameters)
    groups: dict[tuple[object, ...], list[TensorValues]] = {}
    for tensor in tensors:
        key = (tensor.role, *_settings(tensor))
        groups.setdefault(key, []).append(tensor)
    return tuple(
        ParameterGroup(
            optimizer=first.optimizer,
            role=first.role,
            learning_rate=first.learning_rate,
            learning_rate_multiplier=first.learning_rate
            / at_base[first.optimizer]["learning_rate"],
            weight_decay=first.weight_decay,
            epsilon=first.epsilon,
            beta1=first.others.get("beta1"),
            beta2=first.others.get("beta2"),
            momentum=first.others.get("momentum"),
            others={name: x for name, x in first.others.items() if name not in _OWN_FIELDS},
            patterns=tuple(tensor.pattern for tensor in alike),
        )
        for alike in groups.values()
        for first in alike[:1]
    )


class _Point(NamedTuple):
    step: int
    factor: float
    batch_size: int
    tokens: int


class DrawnSchedule(NamedTuple):
    """A schedule drawn out over a training, for any learning rate."""

    schedule: Schedule
    steps: int
    points: tuple[_Point, ...]

    def values(self, groups: Sequence[ParameterGroup]) -> ScheduleValues:
        """The schedule with the peak learning rate of one of the groups."""
        steps = self.steps
        shown = next((i for i, group in enumerate(groups) if group.role is Role.HIDDEN), 0)
        peak = groups[shown].learning_rate
        return ScheduleValues(
            **asdict(self.schedule),
            steps=steps,
            group=shown,
            preview=tuple(
                SchedulePoint(
                    step=at.step,
                    fraction=at.step / steps,
                    factor=at.factor,
                    learning_rate=at.factor * peak,
                    batch_size=at.batch_size,
                    tokens=at.tokens,
                )
                for at in self.points
            ),
        )


def drawn_out(schedule: Schedule, duration: Duration) -> DrawnSchedule:
    """The schedule of a training of this duration."""
    steps, full = duration.steps, duration.batch_size
    points = (
        _Point(
            step=step,
            factor=factor,
            batch_size=schedule.batch_size(step, steps, full),
            tokens=schedule.examples_before(step, steps, full) * duration.tokens_per_example,
        )
        for step, factor in schedule.preview(steps)
    )
    return DrawnSchedule(schedule, steps, tuple(points))


def weight_average(training: Training, steps: int) -> WeightAverage | None:
    """The average of the weights over as many updates; None where there is none."""
    share = training.average_fraction
    return (
        None if share is None else WeightAverage(fraction=share, decay=average_decay(share, steps))
    )


def _equal_ones(scalings: Iterable[TensorScaling]) -> list[list[TensorScaling]]:
    """Scalings of one family apart by their numbers: like names need not mean like shapes."""
    groups: dict[tuple[object, ...], list[TensorScaling]] = {}
    for at in scalings:
        start = (at.shape, at.init_std, at.constant, at.multiplier)
        groups.setdefault((*start, *_settings(at)), []).append(at)
    return list(groups.values())


def _settings(at: TensorScaling | TensorValues) -> tuple[object, ...]:
    """Settings that tensors of one parameter group share."""
    others = tuple(sorted(at.others.items()))
    return (at.optimizer, at.learning_rate, at.weight_decay, at.epsilon, others)


def _values(family: str, like: list[TensorScaling]) -> TensorValues:
    first = like[0]
    return TensorValues(
        pattern=family if len(like) > 1 else first.name,
        names=tuple(scaling.name for scaling in like),
        role=first.role,
        shape=first.shape,
        init_std=first.init_std,
        constant=first.constant,
        multiplier=first.multiplier,
        learning_rate=first.learning_rate,
        weight_decay=first.weight_decay,
        epsilon=first.epsilon,
        optimizer=first.optimizer,
        others=dict(first.others),
        reason=first.reason,
    )
