"""Tell failures of a coordinate check that are causes from those that follow from others."""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from parametrization.check.slopes import (
    ATTENTION_LOGITS,
    BLOCK_INPUT,
    LOSS_LOGITS,
    MODEL_OUTPUT,
    OUTPUT,
    activation_kind,
    table_of,
)
from parametrization.check.thresholds import Judged
from parametrization.check.words import (
    BLOCK_OUTPUT_CHANGES,
    BOTTLENECK_AS_READOUT,
    EPSILON,
    FACTOR_AFTER_READOUT,
    INPUT_MULTIPLIED,
    LOGITS_FALL,
    LOGITS_GROW,
    OUTPUT_WITHOUT_READOUT,
    PRODUCT_FALLS,
    PRODUCT_GROWS,
    SATURATED_LOGITS,
    TABLE_WITHOUT_MULTIPLIER,
    VANISHING_BOTTLENECK,
    WEIGHT_WITHOUT_MULTIPLIER,
    Statistic,
    cause,
    sized_by_gradient,
)
from parametrization.shapes.like_tensors import TensorFamily
from parametrization.shapes.roles import Role


class Failure(NamedTuple):
    """One slope that is wrong, and whose."""

    family: TensorFamily
    judged: Judged
    is_activation: bool = False


class Seen(NamedTuple):
    """Everything that failed.

    Attributes:
        saturated: rms of the loss's logits at step 0, if that is too large.
        bottleneck: name of a bottleneck of fixed width that is as it should be, if the model has
            one and no error of all matrices explains the rest.
        has_readout: whether some tensor is the model's output.
        readout_moves: whether the updates of one are as they should be.

    """

    failures: Sequence[Failure]
    saturated: float | None = None
    bottleneck: str | None = None
    has_readout: bool = True
    readout_moves: bool = False

    def of_tensors(self, statistic: Statistic | None = None) -> list[Failure]:
        """Failures of tensors alone."""
        return [
            f
            for f in self.failures
            if not f.is_activation and statistic in (None, f.judged.statistic)
        ]

    @property
    def vanishes(self) -> bool:
        """True if every failure is a fall, which a bottleneck's small start may explain."""
        slopes = [f.judged.slope.mean for f in self.failures]
        falls = bool(slopes) and max(slopes) < 0
        return self.bottleneck is not None and falls and not self.of_tensors(Statistic.INITIAL)

    @property
    def dampened(self) -> Failure | None:
        """Outputs that change too little behind a readout whose updates pass."""
        if not self.readout_moves:
            return None
        return next((f for f in self.failures if _is_dampened(f)), None)

    @property
    def unread(self) -> Failure | None:
        """Outputs that change too much, as a tensor's do, in a model without an output tensor."""
        given = (f for f in self.failures if _is_given(f) and f.judged.slope.mean > 0)
        return next(given, None) if self.of_tensors() and not self.has_readout else None

    @property
    def multiplied(self) -> Failure | None:
        """Inputs and outputs of blocks whose size at step 0 no tensor explains."""
        if self.of_tensors(Statistic.INITIAL):
            return None
        sizes = [f for f in self.failures if f.judged.statistic is Statistic.INITIAL]
        by_kind = {activation_kind(f.family.name): f for f in reversed(sizes)}
        return next((by_kind[kind] for kind in _STREAMS if kind in by_kind), None)


_STREAMS = (BLOCK_INPUT, OUTPUT)
_Roles: TypeAlias = set[Role]


def likely_cause(family: TensorFamily, found: Judged, seen: Seen, optimizer: str) -> str | None:
    """The likely cause in words; None where another failure explains this one.

    Args:
        found: what failed of `family`.
        seen: everything that failed, of all families.

    """
    untied = any(_lacks_multiplier(failure) for failure in seen.failures)
    starts_wrong = untied or bool(seen.of_tensors(Statistic.INITIAL))
    if (explained := _of_all(seen, untied=untied)) is not None:
        first, words = explained
        return words if first.family is family else None
    if seen.multiplied is not None:
        return _of_forward(family, found, seen.multiplied)
    if activation_kind(family.name) == ATTENTION_LOGITS:
        return None if starts_wrong else LOGITS_GROW if found.slope.mean > 0 else LOGITS_FALL
    if seen.saturated is not None and not starts_wrong:
        return SATURATED_LOGITS.format(rms=seen.saturated) if _is_first(family, seen) else None
    if activation_kind(family.name) is not None:
        return _of_output(family, found, seen)
    if _lacks_multiplier(Failure(family, found)):
        is_table = family.tensors[0].is_table
        return TABLE_WITHOUT_MULTIPLIER if is_table else WEIGHT_WITHOUT_MULTIPLIER
    return _of_tensor(family, found, seen.of_tensors(), optimizer)


def _of_all(seen: Seen, *, untied: bool) -> tuple[Failure, str] | None:
    """The failure beside which a cause of all of them is named, and that cause."""
    if seen.vanishes:
        words = VANISHING_BOTTLENECK if seen.has_readout else BOTTLENECK_AS_READOUT
        return seen.failures[0], words.format(name=seen.bottleneck)
    if seen.dampened is not None:
        return seen.dampened, FACTOR_AFTER_READOUT
    if seen.unread is not None and not untied:
        return seen.unread, OUTPUT_WITHOUT_READOUT
    return None


def _of_forward(family: TensorFamily, found: Judged, multiplied: Failure) -> str | None:
    """The cause if one multiplier between the tensors explains all, by the first that shows it."""
    if multiplied.family is not family:
        return None
    at_entry = activation_kind(family.name) == BLOCK_INPUT
    words = INPUT_MULTIPLIED if at_entry else BLOCK_OUTPUT_CHANGES
    return words.format(does="grows" if multiplied.judged.slope.mean > 0 else "falls")


def _of_output(family: TensorFamily, found: Judged, seen: Seen) -> str | None:
    """The cause of a failed output of the model or of a block that no tensor explains."""
    if seen.of_tensors() or not _is_first(family, seen):
        return None
    if family.role is not Role.OUTPUT:
        return None
    if found.slope.mean > 0:
        return PRODUCT_GROWS
    return PRODUCT_FALLS if found.statistic is Statistic.INITIAL else None


def _of_tensor(
    family: TensorFamily, found: Judged, failures: Sequence[Failure], optimizer: str
) -> str | None:
    if _by_epsilon(failures, optimizer):
        return EPSILON if failures[0].family is family else None
    if _follows(family.role, found, failures, optimizer):
        return None
    return cause(optimizer, found.statistic, family.role, found.slope.mean)


def _lacks_multiplier(failure: Failure) -> bool:
    """True if it is a table that forward reads as logits, without a layer that has a multiplier."""
    is_tied = any(tensor.tied for tensor in failure.family.tensors)
    name, grows = failure.family.name, failure.judged.slope.mean > 0
    return table_of(name) is not None and not is_tied and grows


def _is_dampened(failure: Failure) -> bool:
    """True if the model's output, or the loss's input, changes less in wider models."""
    return _is_given(failure) and failure.judged.slope.mean < 0


def _is_given(failure: Failure) -> bool:
    """True for the change of the model's output, or of the loss's input."""
    kind, name = activation_kind(failure.family.name), failure.family.name
    is_last = kind == LOSS_LOGITS or name == MODEL_OUTPUT
    return is_last and failure.judged.statistic is Statistic.UPDATE


def _is_first(family: TensorFamily, seen: Seen) -> bool:
    return bool(seen.failures) and seen.failures[0].family is family


def _by_epsilon(failures: Sequence[Failure], optimizer: str) -> bool:
    """True if updates of every kind of tensor fall: one number that they share is too large."""
    updates = [f for f in failures if f.judged.statistic is Statistic.UPDATE]
    falling = {f.family.role for f in updates if f.judged.slope.mean < 0}
    rising = any(f.judged.slope.mean > 0 for f in updates)
    return not sized_by_gradient(optimizer) and not rising and {Role.INPUT, Role.HIDDEN} <= falling


def _follows(role: Role, found: Judged, failures: Sequence[Failure], optimizer: str) -> bool:
    """True if another tensor's failure explains this one's, so that it gets no cause of its own.

    A wrong update shows in every later propagation, a wrong initial size in the propagation
    through it. A hidden initialisation that is wrong while the hidden updates are right changes
    what reaches the readout. Under SGD the size of gradients counts: a wrong readout
    initialisation shows in hidden propagations, and gradients that change already at the input
    tensors, which have no fan-in, change everywhere.
    """

    def roles(statistic: Statistic) -> _Roles:
        return {f.family.role for f in failures if f.judged.statistic is statistic}

    updates, propagations = roles(Statistic.UPDATE), roles(Statistic.PROPAGATION)
    by_sgd = sized_by_gradient(optimizer)
    if found.statistic is Statistic.INITIAL:
        return False
    if found.statistic is Statistic.PROPAGATION and role is Role.HIDDEN:
        return bool(updates - {Role.OUTPUT}) or (by_sgd and Role.OUTPUT in propagations)
    if found.statistic is Statistic.PROPAGATION:
        return bool(updates)
    if by_sgd and Role.INPUT in updates:
        return role is not Role.INPUT
    wrong_start = propagations | roles(Statistic.INITIAL)
    return role is Role.OUTPUT and Role.HIDDEN in wrong_start and Role.HIDDEN not in updates
