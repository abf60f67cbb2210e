"""The numbers of a recommendation: per tensor, per group of equal tensors, and over training."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Final

from parametrization.rules.policies import Policies
from parametrization.scaling.companions import by_optimizer
from parametrization.scaling.model_scaling import scale
from parametrization.scaling.multipliers import Multipliers
from parametrization.scaling.schedule import Schedule, ScheduleShape
from parametrization.scaling.tensor_scaling import TensorScaling
from parametrization.shapes.like_tensors import tensor_families
from parametrization.shapes.roles import ModelShape, Role
from tuner.spec.optimizers.name import Optimizer
from tuner.spec.record import Record
from tuner.spec.study_fields import Training

_OWN_FIELDS: Final = ("beta1", "beta2", "momentum")


class TensorValues(Record):
    """Every number of one tensor, or of the like tensors of all blocks, for the target."""

    pattern: str
    """The parameter's name; `*` stands for the block numbers where `names` are several."""
    names: tuple[str, ...]
    """The parameters, by their names in `named_parameters()`."""
    role: Role
    shape: tuple[int, ...]
    init_std: float | None
    """Of a zero-mean normal draw; None where every entry starts at `constant`."""
    constant: float | None
    multiplier: float
    """Factor on the layer's input in the forward pass; 1 everywhere but at readouts."""
    learning_rate: float
    weight_decay: float
    """As torch takes it: multiplied by the learning rate."""
    epsilon: float | None
    optimizer: Optimizer
    """Which one trains it."""
    others: dict[str, float]
    """What else its update takes, for the target."""
    reason: str
    """The rule in words."""


class ParameterGroup(Record):
    """Tensors of one role that share their optimizer settings: one group for torch.optim."""

    optimizer: Optimizer
    role: Role
    learning_rate: float
    """Peak of the schedule."""
    learning_rate_multiplier: float
    """Over the optimizer's rate at the base."""
    weight_decay: float
    epsilon: float | None
    beta1: float | None
    beta2: float | None
    momentum: float | None
    others: dict[str, float]
    """What else the update takes."""
    patterns: tuple[str, ...]


class SchedulePoint(Record):
    step: int
    """Number of the update, from 0."""
    fraction: float
    """Share of training done before it."""
    factor: float
    """On every group's peak learning rate."""
    learning_rate: float
    """Of the parameter group that the schedule names by `group`."""


class ScheduleValues(Record):
    """The schedule in fractions of training, and drawn out for the target's number of steps."""

    shape: ScheduleShape
    steps: int
    """Of the target."""
    warmup_fraction: float
    decay_fraction: float
    """Share of training spent decaying; read by the shape `wsd` alone."""
    final_fraction: float
    group: int
    """Index in the recommendation's `groups` of the one whose learning rate the preview shows: the
    first of hidden tensors, or the first of all if there is none."""
    preview: tuple[SchedulePoint, ...]
    """At most 101 updates, the first and the last among them."""

    @property
    def form(self) -> Schedule:
        """The schedule without the target's steps."""
        return Schedule(self.shape, self.warmup_fraction, self.decay_fraction, self.final_fraction)


def tensor_values(
    shape: ModelShape,
    optimizer: Optimizer,
    hyperparameters: Mapping[str, float],
    policies: Policies,
    multipliers: Multipliers,
) -> tuple[TensorValues, ...]:
    """Every tensor's numbers under muP, like tensors of repeated blocks together.

    Args:
        shape: at the base width and the target's depth.
        hyperparameters: at the base.
        multipliers: target over base.

    Raises:
        ValueError: if a hyperparameter is unfit, or the width gives a tensor no whole shape.

    """
    scalings = scale(shape, hyperparameters, multipliers, optimizer=optimizer, policies=policies)
    by_name = {scaling.name: scaling for scaling in scalings}
    return tuple(
        _values(family.name, like)
        for family in tensor_families(shape.tensors)
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


def schedule_values(
    training: Training, steps: int, groups: Sequence[ParameterGroup]
) -> ScheduleValues:
    """The schedule of a training, drawn out over `steps` with one group's peak learning rate."""
    schedule = training.schedule
    shown_group = next((i for i, group in enumerate(groups) if group.role is Role.HIDDEN), 0)
    peak = groups[shown_group].learning_rate
    return ScheduleValues(
        **asdict(schedule),
        steps=steps,
        group=shown_group,
        preview=tuple(
            SchedulePoint(
                step=step, fraction=step / steps, factor=factor, learning_rate=factor * peak
            )
            for step, factor in schedule.preview(steps)
        ),
    )


def _equal_ones(scalings: Iterable[TensorScaling]) -> list[list[TensorScaling]]:
    """Scalings of one family apart by their numbers: like names need not mean like shapes."""
    groups: dict[tuple[object, ...], list[TensorScaling]] = {}
    for at in scalings:
        start = (at.shape, at.init_std, at.constant, at.multiplier)
        groups.setdefault((*start, *_settings(at)), []).append(at)
    return list(groups.values())


def _settings(at: TensorScaling | TensorValues) -> tuple[object, ...]:
    """What tensors of one parameter group have in common."""
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
