"""Explain a tensor's numbers by the rules that gave them, in one sentence."""

import math
from collections.abc import Iterator
from typing import NamedTuple

from parametrization.rules.depth import depth_row
from parametrization.rules.policies import Policies
from parametrization.rules.policy_sources import CHOICES
from parametrization.rules.width.standard import STANDARD_EVIDENCE
from parametrization.scaling.axis_factors import (
    rate_by_embedding,
    rate_by_horizon,
    rate_by_width,
)
from parametrization.scaling.growth import growth, policies_of
from parametrization.scaling.tensor_rules import TensorRules

_CONFIDENCE = {"M": ", medium confidence", "L": ", low confidence"}


class Reason(NamedTuple):
    """The rows in force for one tensor and what they do, in words."""

    by_size: tuple[str, ...]
    by_horizon: tuple[str, ...]
    by_policy: tuple[str, ...]

    def said(self, *, extrapolated: bool, rate_multiplier: float) -> str:
        """All of it in one sentence.

        Args:
            extrapolated: whether the horizon's row was used beyond its tested range.
            rate_multiplier: the caller's own factor on the rate.

        """
        beyond = ", extrapolated beyond the tested range" if extrapolated else ""
        parts = [*self.by_size, *(f"{words}{beyond})" for words in self.by_horizon)]
        if rate_multiplier != 1:
            parts.append(f"rate multiplier of its role {rate_multiplier:g}")
        return "; ".join([*parts, *self.by_policy])


def reason_of(rules: TensorRules) -> Reason:
    """The words for a tensor's rules, whatever its hyperparameters are."""
    return Reason(
        by_size=(_width_words(rules), *_depth_words(rules)),
        by_horizon=tuple(_horizon_words(rules)),
        by_policy=tuple(_policy_words(rules)) if rules.is_mup else (),
    )


def _width_words(rules: TensorRules) -> str:
    spoken, role = rules.optimizer.spoken, rules.tensor.role
    if rules.row.evidence is STANDARD_EVIDENCE:
        return f"{role}: the same {spoken} rate at every width (standard)"
    rate = rules.optimizer.rate
    factor = (
        rate_by_width(rules) if rate == "learning_rate" else growth(rules, rate, "width").factor
    )
    name = "rate" if rate == "learning_rate" else rate
    parts = [*_growth_words(rules), f"{spoken} {name} {factor_words(factor)}"]
    if rules.row.scaling.multiplier:
        multiplier = factor_words(rules.m_in**rules.row.scaling.multiplier)
        parts.append(f"forward multiplier {multiplier}")
    evidence = rules.row.evidence
    return (
        f"{role}: {', '.join(parts)} ({evidence.label}{_CONFIDENCE.get(evidence.confidence, '')})"
    )


def _growth_words(rules: TensorRules) -> Iterator[str]:
    """The dimensions whose growth this row reacts to."""
    row = rules.row.scaling
    reactions = (
        ("fan-in", rules.m_in, row.lr_in or row.multiplier),
        ("fan-out", rules.m_out, row.lr_out),
    )
    for dimension, factor, exponent in reactions:
        if exponent and factor != 1:
            yield (
                f"{dimension} grows {factor:g}x"
                if factor > 1
                else f"{dimension} shrinks {1 / factor:g}x"
            )


def _depth_words(rules: TensorRules) -> Iterator[str]:
    if rules.depth == 1:
        return
    policies, rate = rules.policies, rules.optimizer.rate
    is_rate = rate == "learning_rate"
    degree = rules.optimizer.step.degree if is_rate else 0
    evidence = depth_row(policies.depth_rule, degree).evidence
    factor = factor_words(growth(rules, rate, "depth").factor)
    yield (
        f"depth x {rules.depth:g}: {'rate' if is_rate else rate} {factor}"
        f" ({policies.depth_rule}, alpha {policies.residual_alpha:g}"
        f"{_CONFIDENCE.get(evidence.confidence, '')})"
    )


def _horizon_words(rules: TensorRules) -> Iterator[str]:
    """The row of batch and tokens, up to the end of its brackets."""
    batch, tokens = rules.mults.batch, rules.mults.tokens
    if batch == tokens == 1:
        return
    evidence = rules.horizon.evidence
    yield (
        f"batch x {batch:g}, tokens x {tokens:g}: rate {factor_words(rate_by_horizon(rules))}"
        f" ({rules.policies.horizon_rule}{_CONFIDENCE.get(evidence.confidence, '')}"
    )


def _policy_words(rules: TensorRules) -> Iterator[str]:
    """Choices that are not the defaults, and that say something of this tensor."""
    embedding = rate_by_embedding(rules)
    if embedding != 1:
        yield f"embedding rate {factor_words(embedding)}"
    defaults = Policies().choices
    numbers = ("learning_rate", "init_std", *sorted(rules.optimizer.hyperparameters))
    concerned = {policy for number in numbers for policy in policies_of(rules, number)}
    for name, choice in rules.policies.choices.items():
        if choice != defaults[name] and name in concerned:
            yield f"{name} {choice} v{CHOICES[name][choice].version}"


def factor_words(factor: float) -> str:
    """A factor as a person reads it."""
    if math.isclose(factor, 1):
        return "unchanged"
    return f"x {factor:g}" if factor > 1 else f"/ {1 / factor:g}"
