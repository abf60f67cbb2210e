"""Depth, batch and tokens of a target: the rule of each, and its evidence."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from parametrization.optimizers.registry import declared
from parametrization.optimizers.rules_version import rules_version
from parametrization.recommendation.target import WholeTarget
from parametrization.recommendation.trust import Axis, Basis
from parametrization.rules.depth import DepthRule, depth_row, rate_factor, residual_multiplier
from parametrization.rules.policies import Policies
from parametrization.rules.policy_sources import CHOICES
from parametrization.scaling.hyperparameter_words import cite
from parametrization.scaling.multipliers import Multipliers
from parametrization.shapes.roles import ModelShape
from tuner.evidence.axes.rules import TrainedBy, trained_by
from tuner.recommendation.axes.horizon import RULE_ALONE, horizon_axes
from tuner.recommendation.axes.width import (
    Move,
    kept_axis,
    times,
)
from tuner.spec.optimizers.name import Optimizer
from tuner.spec.study import StudySpec

TESTED_DEPTH: Final = (1 / 8, 8.0)
"""Target's depth over the proxies' that the rules were tested for here: 2 to 16 blocks, by
`benchmarks.transfer.depth_transfer`."""


class TargetAxes(NamedTuple):
    """The axes beside width, and their multipliers."""

    axes: tuple[Axis, ...]
    multipliers: Multipliers
    """Target over base as the rules are applied: 1 along an axis that is not transferable."""


def target_axes(
    spec: StudySpec,
    target: WholeTarget,
    optimizer: Optimizer,
    shape: ModelShape,
    hyperparameters: Mapping[str, float],
) -> TargetAxes:
    """Evidence and rules of the transfer over depth, batch and tokens.

    Args:
        optimizer: the one that leads.
        shape: of the study's model, for the optimizers that train a tensor.
        hyperparameters: of the study, at the base.

    """
    policies, proxies = spec.policies, spec.proxies
    by = trained_by(optimizer, shape, hyperparameters)
    over_depth = depth_axis(policies, by, Move("depth", proxies.depth, target.depth))
    horizon = horizon_axes(
        policies,
        by,
        Move("batch", proxies.batch_size, target.batch_size),
        Move("tokens", proxies.tokens, target.tokens),
    )
    depth_mult = target.depth / proxies.depth
    return TargetAxes(
        (over_depth, *horizon.axes),
        Multipliers(
            width=target.width / spec.base_width,
            depth=1.0 if over_depth.basis == "not_transferable" else depth_mult,
            batch=horizon.batch_mult,
            tokens=horizon.token_mult,
        ),
    )


def depth_axis(policies: Policies, by: TrainedBy, move: Move) -> Axis:
    """Evidence and rule of the transfer over depth."""
    rule = policies.depth_rule
    low, high = TESTED_DEPTH
    beyond = max(move.ratio / high, low / move.ratio, 1.0)
    if move.ratio == 1:
        return kept_axis(move, "no rule of the depth is in use", policies)
    basis: Basis = "not_transferable"
    source = CHOICES["depth_rule"][rule].evidence.source
    words = (
        f"the numbers are those of depth {move.proxy}: policies.depth_rule is none; name a rule, or"
        " tune proxies of the target's depth"
    )
    if rule is not DepthRule.NONE:
        basis, words = "theory", _depth_words(policies, by, move.ratio)
        if beyond > 1:
            basis = "extrapolated"
            words += f"; {beyond:.3g}x outside of what the rules were tested for"
        source = cite(
            {declared(name).spoken: [depth_row(rule, _degree(name)).evidence.source] for name in by}
        )
    alpha = f", alpha {policies.residual_alpha:g}" if rule is not DepthRule.NONE else ""
    return Axis(
        name=move.name,
        proxy=move.proxy,
        target=move.target,
        basis=basis,
        rule=f"depth_rule {rule}{alpha}",
        version=rules_version(policies),
        source=source,
        words=words,
        beyond=beyond,
    )


def _depth_words(policies: Policies, by: TrainedBy, depth_mult: float) -> str:
    rule, alpha = policies.depth_rule, policies.alpha
    parts = [f"branches {times(residual_multiplier(rule, alpha, depth_mult))}"]
    notes = []
    for name in by:
        optimizer, degree = declared(name), _degree(name)
        rate = optimizer.rate.replace("_", " ")
        factor = times(rate_factor(rule, alpha, degree, depth_mult))
        parts.append(f"{optimizer.spoken} {rate} there {factor}")
        notes.append(depth_row(rule, degree).evidence.note)
    return "; ".join([", ".join(parts), RULE_ALONE, *sorted({*notes} - {""})])


def _degree(name: Optimizer) -> float:
    """Degree of the update whose length the rate, or its substitute, sets."""
    optimizer = declared(name)
    return optimizer.step.degree if optimizer.rate == "learning_rate" else 0.0
