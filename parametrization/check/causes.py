"""Tell failures of a coordinate check that are causes from those that follow from others."""

from collections.abc import Sequence
from typing import TypeAlias

from parametrization.check.slopes import ATTENTION_LOGITS
from parametrization.check.thresholds import Judged
from parametrization.check.words import (
    EPSILON,
    LOGITS_FALL,
    LOGITS_GROW,
    Statistic,
    cause,
    sized_by_gradient,
)
from parametrization.shapes.like_tensors import TensorFamily
from parametrization.shapes.roles import Role

Failures: TypeAlias = Sequence[tuple[TensorFamily, Judged]]


def likely_cause(
    family: TensorFamily, found: Judged, failures: Failures, optimizer: str
) -> str | None:
    """The likely cause in words; None where another tensor's failure explains this one.

    Args:
        found: what failed of `family`.
        failures: everything that failed, of all families.

    """
    if family.name == ATTENTION_LOGITS:
        return LOGITS_GROW if found.slope.mean > 0 else LOGITS_FALL
    if _by_epsilon(failures, optimizer):
        return EPSILON if failures[0][0] is family else None
    if _follows(family.role, found, failures, optimizer):
        return None
    return cause(optimizer, found.statistic, family.role, found.slope.mean)


def _by_epsilon(failures: Failures, optimizer: str) -> bool:
    """Whether updates of every kind of tensor fall: one number that they share is too large."""
    falling = {
        family.role
        for family, j in failures
        if j.statistic is Statistic.UPDATE and j.slope.mean < 0
    }
    rising = any(j.slope.mean > 0 and j.statistic is Statistic.UPDATE for _, j in failures)
    return not sized_by_gradient(optimizer) and not rising and {Role.INPUT, Role.HIDDEN} <= falling


def _follows(role: Role, found: Judged, failures: Failures, optimizer: str) -> bool:
    """Whether another tensor's failure explains this one's, so that it gets no cause of its own.

    A wrong update shows in every later propagation, a wrong initial size in the propagation
    through it. A hidden initialisation that is wrong while the hidden updates are right changes
    what reaches the readout. Under SGD the size of gradients counts: a wrong readout
    initialisation shows in hidden propagations, and gradients that change already at the input
    tensors, which have no fan-in, change everywhere.
    """

    def roles(statistic: Statistic) -> set[Role]:
        return {family.role for family, j in failures if j.statistic is statistic}

    updates, propagations, initial = (roles(statistic) for statistic in Statistic)
    by_sgd = sized_by_gradient(optimizer)
    if found.statistic is Statistic.INITIAL:
        return False
    if found.statistic is Statistic.PROPAGATION and role is Role.HIDDEN:
        return bool(updates - {Role.OUTPUT}) or (by_sgd and Role.OUTPUT in propagations)
    if found.statistic is Statistic.PROPAGATION:
        return bool(updates)
    if by_sgd and Role.INPUT in updates:
        return role is not Role.INPUT
    wrong_start = propagations | initial
    return role is Role.OUTPUT and Role.HIDDEN in wrong_start and Role.HIDDEN not in updates
