"""Explain a tensor's numbers by the rules that gave them, in one sentence."""

import math
from collections.abc import Iterator

from parametrization.rules.depth import depth_row
from parametrization.rules.policies import Policies
from parametrization.rules.policy_sources import CHOICES
from parametrization.scaling.axis_factors import (
    rate_by_embedding,
    rate_by_horizon,
    rate_by_width,
)
from parametrization.scaling.growth import growth, policies_of
from parametrization.scaling.tensor_rules import Case

_CONFIDENCE = {"M": ", medium confidence", "L": ", low confidence"}


def reason(case: Case, *, extrapolated: bool, rate_multiplier: float = 1.0) -> str:
    """The rows in force and what they do, and the caller's own factor on the rate."""
    parts = [_width_words(case), *_depth_words(case), *_horizon_words(case, extrapolated)]
    if rate_multiplier != 1:
        parts.append(f"rate multiplier of its role {rate_multiplier:g}")
    if case.is_mup:
        parts += _policy_words(case)
    return "; ".join(parts)


def _width_words(case: Case) -> str:
    spoken, role = case.optimizer.spoken, case.tensor.role
    if not case.is_mup:
        return f"{role}: the same {spoken} rate at every width (standard)"
    rate = case.optimizer.rate
    factor = rate_by_width(case) if rate == "learning_rate" else growth(case, rate, "width").factor
    name = "rate" if rate == "learning_rate" else rate
    parts = [*_growth_words(case), f"{spoken} {name} {factor_words(factor)}"]
    if case.row.scaling.multiplier:
        multiplier = factor_words(case.m_in**case.row.scaling.multiplier)
        parts.append(f"forward multiplier {multiplier}")
    evidence = case.row.evidence
    return (
        f"{role}: {', '.join(parts)} ({evidence.label}{_CONFIDENCE.get(evidence.confidence, '')})"
    )


def _growth_words(case: Case) -> Iterator[str]:
    """The dimensions whose growth this row reacts to."""
    row = case.row.scaling
    reactions = (
        ("fan-in", case.m_in, row.lr_in or row.multiplier),
        ("fan-out", case.m_out, row.lr_out),
    )
    for dimension, factor, exponent in reactions:
        if exponent and factor != 1:
            yield (
                f"{dimension} grows {factor:g}x"
                if factor > 1
                else f"{dimension} shrinks {1 / factor:g}x"
            )


def _depth_words(case: Case) -> Iterator[str]:
    if case.depth == 1:
        return
    policies, rate = case.policies, case.optimizer.rate
    is_rate = rate == "learning_rate"
    degree = case.optimizer.step.degree if is_rate else 0
    evidence = depth_row(policies.depth_rule, degree).evidence
    factor = factor_words(growth(case, rate, "depth").factor)
    yield (
        f"depth x {case.depth:g}: {'rate' if is_rate else rate} {factor}"
        f" ({policies.depth_rule}, alpha {policies.residual_alpha:g}"
        f"{_CONFIDENCE.get(evidence.confidence, '')})"
    )


def _horizon_words(case: Case, extrapolated: bool) -> Iterator[str]:
    batch, tokens = case.mults.batch, case.mults.tokens
    if batch == tokens == 1:
        return
    evidence = case.horizon.evidence
    beyond = ", extrapolated beyond the tested range" if extrapolated else ""
    yield (
        f"batch x {batch:g}, tokens x {tokens:g}: rate {factor_words(rate_by_horizon(case))}"
        f" ({case.policies.horizon_rule}{_CONFIDENCE.get(evidence.confidence, '')}{beyond})"
    )


def _policy_words(case: Case) -> Iterator[str]:
    """Choices that are not the defaults, and that say something of this tensor."""
    embedding = rate_by_embedding(case)
    if embedding != 1:
        yield f"embedding rate {factor_words(embedding)}"
    defaults = Policies().choices
    numbers = ("learning_rate", "init_std", *sorted(case.optimizer.hyperparameters))
    concerned = {policy for number in numbers for policy in policies_of(case, number)}
    for name, choice in case.policies.choices.items():
        if choice != defaults[name] and name in concerned:
            yield f"{name} {choice} v{CHOICES[name][choice].version}"


def factor_words(factor: float) -> str:
    """A factor as a person reads it."""
    if math.isclose(factor, 1):
        return "unchanged"
    return f"x {factor:g}" if factor > 1 else f"/ {1 / factor:g}"
