"""Look up the rules of batch and tokens that cover a target, and how far they were tested."""

from collections.abc import Mapping
from typing import Literal, NamedTuple, TypeAlias

from parametrization.optimizers.lookup import horizon_row
from parametrization.rules.horizon import (
    MEMORY_RANGE,
    HorizonRow,
    HorizonRule,
    scaled_memory,
)
from parametrization.rules.policies import Policies
from parametrization.scaling.companions import assignment_of, by_optimizer
from parametrization.shapes.roles import ModelShape
from tuner.spec.optimizers.name import Optimizer

TrainedBy: TypeAlias = Mapping[Optimizer, Mapping[str, float]]
"""Hyperparameters at the base of every optimizer that trains something, the lead first."""
Horizon: TypeAlias = Literal["batch", "tokens"]


class Covered(NamedTuple):
    """Batch and tokens, target over base, that the rules are applied with; 1 without a rule."""

    batch: float
    tokens: float
    refusals: tuple[str | None, str | None]
    """Reasons that no rule covers batch and tokens; None if one does, or if the ratio is 1."""
    memory_beyond: float
    """Factor by which the growth of 1 - beta is outside of its tested range; 1 within it."""


def trained_by(
    lead: Optimizer, shape: ModelShape, hyperparameters: Mapping[str, float]
) -> TrainedBy:
    """The optimizers that train something, with their hyperparameters."""
    assignment = assignment_of(lead)
    training = {assignment.optimizer_of(tensor) for tensor in shape.tensors}
    numbers = by_optimizer(lead, hyperparameters)
    return {name: of for name, of in numbers.items() if name in training}


def covered(policies: Policies, by: TrainedBy, batch: float, tokens: float) -> Covered:
    """The part of a change of batch and tokens that the rule in force covers.

    Args:
        policies: name the rule in force.
        by: the optimizers that train the target.
        batch: target's over the base's.
        tokens: target's over the base's.

    """
    of_batch = _refusal(policies, by, "batch", batch)
    of_tokens = _refusal(policies, by, "tokens", tokens)
    batch, tokens = 1.0 if of_batch else batch, 1.0 if of_tokens else tokens
    try:
        beyond = _memory_beyond(policies, by, batch, tokens)
    except ValueError as error:  # some beta cannot follow the two together
        return Covered(1.0, 1.0, (str(error), str(error)), 1.0)
    return Covered(batch, tokens, (of_batch, of_tokens), beyond)


def rows_of(
    policies: Policies, by: TrainedBy, name: Horizon, ratio: float
) -> dict[Optimizer, HorizonRow]:
    """Row of the rule in force for every optimizer.

    Raises:
        ValueError: if one has none.

    """
    alone = along(name, ratio)
    return {one: horizon_row(policies.horizon_rule, one, *alone) for one in by}


def along(name: Horizon, ratio: float) -> tuple[float, float]:
    """Ratios of (batch, tokens) to the base's if the named one changes and the other stays."""
    return (ratio, 1.0) if name == "batch" else (1.0, ratio)


def outside(ratio: float, tested: tuple[float, float]) -> float:
    """Factor by which a ratio is outside of a tested range (low, high); 1 within it."""
    low, high = tested
    return max(ratio / high, low / ratio, 1.0)


def _refusal(policies: Policies, by: TrainedBy, name: Horizon, ratio: float) -> str | None:
    """Reason that the rule does not cover this axis; None if it does, or if the ratio is 1."""
    if ratio == 1:
        return None
    if policies.horizon_rule is HorizonRule.NONE:
        return "policies.horizon_rule is none; name a rule, or tune proxies like the target"
    try:
        rows_of(policies, by, name, ratio)
    except ValueError as error:
        return str(error)
    return None


def _memory_beyond(policies: Policies, by: TrainedBy, batch: float, tokens: float) -> float:
    """Factor by which the growth of 1 - beta is outside of its tested range; 1 within it.

    Raises:
        ValueError: if 1 - beta would leave (0, 1) for some beta.

    """
    found = 1.0
    for optimizer, numbers in by.items():
        row = horizon_row(policies.horizon_rule, optimizer, batch, tokens)
        growth = row.memory.of(batch, tokens)
        for name in row.remembers:
            if scaled_memory(name, numbers[name], growth).extrapolated:
                found = max(found, outside(growth, MEMORY_RANGE))
    return found
