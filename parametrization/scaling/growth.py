"""The power of width, depth, batch or tokens that a tensor's number follows, and by which rule.

The powers are read off the very factors that scale the numbers, and the sources are those of the
rows that the factors took their exponents from: words made of them cannot contradict the numbers.
"""

import math
from typing import Final, Literal, NamedTuple, TypeAlias

from parametrization.rules.depth import DEPTH_ROWS, depth_row
from parametrization.rules.horizon import memory_name
from parametrization.rules.not_per_tensor import CONSTANT_MEMORIES
from parametrization.rules.policy_numbers import MATRICES, WEIGHT_DECAY_ROWS, EmbeddingRateRule
from parametrization.rules.policy_sources import CHOICES
from parametrization.rules.row import Evidence
from parametrization.scaling.axis_factors import (
    decay_factor,
    decays,
    epsilon_factor,
    follows_the_gradient,
    forward_factor,
    initial_factor,
    other_factor,
    rate_by_embedding,
    rate_factor_of,
)
from parametrization.scaling.multipliers import Multipliers
from parametrization.scaling.tensor_rules import TensorRules
from parametrization.shapes.roles import Role

AxisName: TypeAlias = Literal["width", "depth", "batch", "tokens"]

RATE_TIMES_DECAY: Final = "rate x decay"
"""Not a hyperparameter: the product of two."""
_MEMORIES: Final = frozenset({"beta1", "beta2", "beta_factors", "beta_squares", "momentum"})


class Growth(NamedTuple):
    """Change of one number of a tensor along one axis, target over base.

    Attributes:
        power: the exponent of the axis; None where the factor is no power of it.
        factor: at the target; 0 where a policy switches the number off.

    """

    power: float | None
    factor: float

    def words(self, axis: AxisName) -> str:
        """The power as a person reads it.

        >>> Growth(-0.5, 0.5).words("width")
        '1/sqrt(width)'
        """
        if self.factor == 0:
            return "none"
        if self.power is None:
            return f"x {self.factor:.4g}"
        if self.power == 0:
            return f"constant in {axis}"
        size = abs(self.power)
        named = {1.0: axis, 0.5: f"sqrt({axis})"}.get(size, f"{axis}^{size:.6g}")
        return f"x {named}" if self.power > 0 else f"1/{named}"


def growth(rules: TensorRules, name: str, axis: AxisName) -> Growth:
    """Change of a number of the tensor along one axis, the others held fixed.

    Args:
        rules: of the target.
        name: of the optimizer's hyperparameter, or `RATE_TIMES_DECAY`; of a beta that follows the
            batch, the growth is that of 1 - beta, or of log(beta) beyond the tested range.

    """
    target = getattr(rules.mults, axis)
    at_target, twice, four_times = (_factor(rules, name, axis, at) for at in (target, 2.0, 4.0))
    if at_target == 0:
        return Growth(None, 0.0)
    power = round(math.log2(twice), 12) + 0.0  # no minus zero
    fits = math.isclose(four_times, 4**power) and math.isclose(at_target, target**power)
    return Growth(power if fits else None, at_target)


def spoken(rules: TensorRules, name: str, axis: AxisName) -> str:
    """Name of the quantity that grows along an axis."""
    if axis in ("batch", "tokens") and name in rules.horizon.remembers:
        return memory_name(name, rules.horizon.memory.of(rules.mults.batch, rules.mults.tokens))
    return {
        "learning_rate": "rate",
        "weight_decay": "weight decay",
        "init_std": "initial standard deviation",
        "output_multiplier": "forward multiplier",
    }.get(name, name)


def policies_of(rules: TensorRules, name: str) -> tuple[str, ...]:
    """The policies that affect this number of this tensor."""
    other = rules.optimizer.hyperparameter_row(name)
    is_of_gradient = other is not None and bool(other.gradient_power) and not other.is_ratio
    said = {
        "epsilon_rule": name == "epsilon" or is_of_gradient,
        "weight_decay_rule": name == "weight_decay" and decays(rules),
        "vector_decay_rule": name == "weight_decay"
        and not decays(rules)
        and rules.tensor.decayed is None,
        "fixed_kv_init_rule": name == "init_std" and rules.tensor.role is Role.GQA_KV,
        "embedding_lr_rule": name == "learning_rate" and _is_embedding(rules),
    }
    if rules.optimizer.policy_rows is not None:
        said[rules.optimizer.policy_rows.policy] = name == "learning_rate"
    return tuple(policy for policy, says in said.items() if rules.is_mup and says)


def sources(rules: TensorRules, name: str, axis: AxisName) -> tuple[str, ...]:
    """Sources of the rule that a number follows along one axis, policies first."""
    found: tuple[Evidence, ...] = (rules.horizon.evidence,)
    if axis == "width":
        found = _over_width(rules, name)
    elif axis == "depth":
        found = _over_depth(rules, name)
    return tuple(dict.fromkeys(evidence.source for evidence in found))


def _factor(rules: TensorRules, name: str, axis: AxisName, by: float) -> float:
    at = rules._replace(mults=Multipliers(**{axis: by}))
    if name in at.horizon.remembers:
        return at.horizon.memory.of(at.mults.batch, at.mults.tokens)
    if name == RATE_TIMES_DECAY:
        return rate_factor_of(at) * decay_factor(at)
    known = {
        "learning_rate": rate_factor_of,
        "weight_decay": decay_factor,
        "epsilon": epsilon_factor,
        "init_std": initial_factor,
        "output_multiplier": forward_factor,
    }
    return known[name](at) if name in known else other_factor(at, name)


def _is_embedding(rules: TensorRules) -> bool:
    """True if the embedding policy changes this tensor's rate at any other width."""
    if rules.policies.embedding_lr_rule is EmbeddingRateRule.CONSTANT:
        return False
    return rate_by_embedding(rules._replace(mults=Multipliers(width=2.0))) != 1


def _over_width(rules: TensorRules, name: str) -> tuple[Evidence, ...]:
    chosen = rules.policies.choices
    policies = (CHOICES[policy][chosen[policy]].evidence for policy in policies_of(rules, name))
    return (*policies, *_row_over_width(rules, name))


def _row_over_width(rules: TensorRules, name: str) -> tuple[Evidence, ...]:
    """The row whose exponents of width are in force; none where a policy alone sets them."""
    row, other = rules.row.evidence, rules.optimizer.hyperparameter_row(name)
    if name == "weight_decay":
        policy = WEIGHT_DECAY_ROWS[rules.policies.weight_decay_rule]
        has_row = rules.tensor.role in MATRICES or policy.others is not None
        return (row,) if policy.compensated and has_row and decays(rules) else ()
    if name == "init_std":
        return () if rules.tensor.role is Role.GQA_KV else (row,)
    if "epsilon_rule" in policies_of(rules, name) and not follows_the_gradient(rules):
        return ()
    if other is not None:
        return (other.evidence,)
    return (CONSTANT_MEMORIES.evidence,) if name in _MEMORIES else (row,)


def _over_depth(rules: TensorRules, name: str) -> tuple[Evidence, ...]:
    """The depth row of the update's degree, or of the gradient's size."""
    rule, optimizer = rules.policies.depth_rule, rules.optimizer
    if name == "learning_rate":
        return (depth_row(rule, optimizer.step.degree).evidence,)
    if name == "weight_decay":
        return (depth_row(rule, optimizer.degree_of_decay).evidence,)
    return (DEPTH_ROWS[rule][0].evidence,)
