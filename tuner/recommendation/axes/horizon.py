"""Batch and tokens of a target: the rule that covers them, and its tested range."""

from collections.abc import Iterator, Mapping
from typing import Final, Literal, NamedTuple

from parametrization.optimizers.registry import declared
from parametrization.optimizers.rules_version import rules_version
from parametrization.recommendation.trust import Axis, Basis
from parametrization.rules.horizon import (
    MEMORY_RANGE,
    TESTED_BATCH,
    HorizonRow,
    HorizonRule,
    memory_name,
)
from parametrization.rules.policies import Policies
from parametrization.rules.policy_sources import CHOICES
from parametrization.scaling.hyperparameter_words import cite
from tuner.evidence.axes.rules import TrainedBy, along, covered, outside, rows_of
from tuner.recommendation.axes.width import (
    Move,
    kept_axis,
    times,
    weakest,
)
from tuner.spec.optimizers.name import Optimizer

RULE_ALONE: Final = "by the rule alone: this study did not measure it, as `measure.axes` would"
_KEPT: Final = {
    "batch": "no rule of the batch is in use",
    "tokens": "no rule of the duration is in use",
}
_DISPUTED: Final = dict.fromkeys(
    (HorizonRule.COMPLETE_D, HorizonRule.COMPLETE_D_BATCH_EPSILON),
    "other sources have exponents of the rate from -0.28 to -0.32 where this one has -0.5",
)
"""Of the tokens."""
_RANGES: Final = f"batch, and batch over tokens, from {MEMORY_RANGE[0]:g} to {MEMORY_RANGE[1]:g}"


class _Trained(NamedTuple):
    """The model's optimizers and the ratios to the target: 1 where no rule applies."""

    policies: Policies
    by: TrainedBy
    batch_mult: float
    token_mult: float


class Horizon(NamedTuple):
    """The two axes, and target over base as the rules are applied: 1 where there is none."""

    axes: tuple[Axis, Axis]
    batch_mult: float
    token_mult: float


def horizon_axes(policies: Policies, trained_by: TrainedBy, batch: Move, tokens: Move) -> Horizon:
    """Evidence and rules of the transfer over batch and tokens."""
    found = covered(policies, trained_by, batch.ratio, tokens.ratio)
    trained = _Trained(policies, trained_by, found.batch, found.tokens)
    beyond = (max(found.memory_beyond, _batch_beyond(policies, found.batch)), found.memory_beyond)
    over_batch, over_tokens = (
        _axis(trained, move, refusal, far)
        for move, refusal, far in zip((batch, tokens), found.refusals, beyond, strict=True)
    )
    return Horizon((over_batch, over_tokens), found.batch, found.tokens)


def _batch_beyond(policies: Policies, batch_mult: float) -> float:
    tested = TESTED_BATCH.get(policies.horizon_rule)
    return 1.0 if tested is None else outside(batch_mult, tested)


def _axis(trained: _Trained, move: Move, refusal: str | None, beyond: float) -> Axis:
    policies = trained.policies
    if move.ratio == 1:
        return kept_axis(move, _KEPT[move.name], policies)
    rule = policies.horizon_rule
    rows = {} if refusal else rows_of(policies, trained.by, _name(move), move.ratio)
    basis: Basis = "not_transferable"
    source = CHOICES["horizon_rule"][rule].evidence.source
    words = f"the numbers are those of the proxies' {move.name}: {refusal}"
    if rows:
        basis = weakest(_basis(row) for row in rows.values())
        basis = basis if beyond == 1 else weakest((basis, "extrapolated"))
        factors = ", ".join(_factors(trained, rows, move))
        words = "; ".join((factors, *_words(rows, move, rule, beyond)))
        source = cite({declared(name).spoken: [row.evidence.source] for name, row in rows.items()})
    return Axis(
        name=move.name,
        proxy=move.proxy,
        target=move.target,
        basis=basis,
        rule=f"horizon_rule {rule}",
        version=rules_version(policies),
        source=source,
        words=words,
        beyond=beyond,
    )


def _name(move: Move) -> Literal["batch", "tokens"]:
    return "batch" if move.name == "batch" else "tokens"


def _basis(row: HorizonRow) -> Basis:
    """Basis of a row: one derived or borrowed for its optimizer is not a test of it."""
    if "T" in row.evidence.basis:
        return "theory"
    return "empirical" if "E" in row.evidence.basis else "extrapolated"


def _factors(trained: _Trained, rows: Mapping[Optimizer, HorizonRow], move: Move) -> Iterator[str]:
    """Factors of the axis for every optimizer that trains a tensor."""
    for optimizer, row in rows.items():
        numbers, declaration = trained.by[optimizer], declared(optimizer)
        alone = along(_name(move), move.ratio)
        ratio = row.memory.of(trained.batch_mult, trained.token_mult)
        named = {
            "rate": row.rate.of(*alone),
            "weight decay": row.weight_decay.of(*alone) if "weight_decay" in numbers else 1,
            "epsilon": row.epsilon.of(*alone) ** declaration.epsilon_power
            if "epsilon" in numbers
            else 1,
            **{
                memory_name(name, ratio): row.memory.of(*alone)
                for name in row.remembers
                if numbers[name]
            },
        }
        moved = {name: factor for name, factor in named.items() if factor != 1} or {"rate": 1.0}
        whose = f"{declaration.spoken} " if len(rows) > 1 else ""
        yield from (f"{whose}{name} {times(factor)}" for name, factor in moved.items())


def _words(
    rows: Mapping[Optimizer, HorizonRow], move: Move, rule: HorizonRule, beyond: float
) -> Iterator[str]:
    yield RULE_ALONE
    if beyond > 1:
        yield f"{beyond:.3g}x outside of what it was tested for: {_RANGES} times the base's"
    yield from sorted(
        {row.evidence.source for row in rows.values() if _basis(row) == "extrapolated"}
    )
    yield from sorted({row.evidence.note for row in rows.values()} - {""})
    if move.name == "tokens" and rule in _DISPUTED:
        yield _DISPUTED[rule]
