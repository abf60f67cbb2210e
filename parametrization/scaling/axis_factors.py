"""Compute each axis's factor on one tensor's rate, decay, epsilon and other numbers."""

from parametrization.optimizers.registry import OPTIMIZERS
from parametrization.rules.depth import gradient_factor, rate_factor
from parametrization.rules.horizon import Memory, scaled_memory
from parametrization.rules.policy_numbers import (
    EMBEDDING_RATE_EXPONENT,
    MATRICES,
    WEIGHT_DECAY_ROWS,
    EmbeddingRateRule,
    EpsilonRule,
    VectorDecayRule,
)
from parametrization.scaling.tensor_rules import TensorRules
from parametrization.shapes.roles import Role


def initial_factor(rules: TensorRules) -> float:
    """Factor on the standard deviation of the initial draw."""
    return float(rules.m_in**rules.row.scaling.init_std)


def forward_factor(rules: TensorRules, multiplier: float = 1.0) -> float:
    """Factor on the layer's output, times a multiplier of the caller's own."""
    if rules.tensor.tied and rules.is_mup:
        multiplier /= rules.m_out  # the readout's fan-in is what the lookup puts out
    return float(multiplier * rules.m_in**rules.row.scaling.multiplier)


def rate_by_width(rules: TensorRules) -> float:
    """Factor on the rate by the width row, over the growth of the optimizer's own step."""
    rule = rules.row.scaling
    return float(rules.m_in**rule.lr_in * rules.m_out**rule.lr_out / _built_in_growth(rules))


def rate_by_depth(rules: TensorRules) -> float:
    """Factor on the rate by the depth rule, for the degree of the update."""
    is_rate = rules.optimizer.rate == "learning_rate"
    return _rate_by_depth(rules, rules.optimizer.step.degree) if is_rate else 1.0


def rate_by_embedding(rules: TensorRules) -> float:
    """Factor on the rate of tables that are looked up, by the embedding policy.

    Raises:
        ValueError: if the policy says nothing of this optimizer.

    """
    rule, tensor = rules.policies.embedding_lr_rule, rules.tensor
    is_table = tensor.role is Role.INPUT and tensor.is_table
    if rule is EmbeddingRateRule.CONSTANT or not is_table or not rules.is_mup:
        return 1.0
    if not rules.optimizer.sqrt_embedding_rate:
        known = sorted(name for name, one in OPTIMIZERS.items() if one.sqrt_embedding_rate)
        raise ValueError(
            f"embedding_lr_rule {rule} has no row for {rules.optimizer.name}: it is known for"
            f" {', '.join(known)}; use constant, or one of those for {tensor.name}"
        )
    return float(rules.m_out ** EMBEDDING_RATE_EXPONENT[rule])


def rate_by_horizon(rules: TensorRules) -> float:
    """Factor on the rate by batch and tokens."""
    return rules.horizon.rate.of(rules.mults.batch, rules.mults.tokens)


def rate_factor_of(rules: TensorRules) -> float:
    """Factor on the learning rate, by all axes."""
    scaled = rate_by_width(rules) * rate_by_depth(rules) * rate_by_embedding(rules)
    return scaled * rate_by_horizon(rules)


def decay_factor(rules: TensorRules) -> float:
    """Factor on the coupled weight decay, by all axes and the decay policy."""
    by_horizon = rules.horizon.weight_decay.of(rules.mults.batch, rules.mults.tokens)
    if not decays(rules):
        return 0.0
    if not rules.is_mup:
        row = rules.row.scaling
        return float(rules.m_in**row.wd_in * rules.m_out**row.wd_out) * by_horizon
    policy = WEIGHT_DECAY_ROWS[rules.policies.weight_decay_rule]
    exponent = policy.matrices if rules.tensor.role in MATRICES else policy.others
    if exponent is None:
        return 0.0
    if not policy.compensated:
        return by_horizon
    return float(_compensation(rules) * rules.mults.width**exponent * by_horizon)


def decays(rules: TensorRules) -> bool:
    """True if the tensor has weight decay: as it was declared, or by the policy on vectors."""
    tensor, rule = rules.tensor, rules.policies.vector_decay_rule
    if tensor.decayed is not None:
        return tensor.decayed
    return rule is VectorDecayRule.DECAYED or bool(tensor.fan_in_axes)


def _compensation(rules: TensorRules) -> float:
    """Factor that keeps rate times decay, as the optimizer combines them, equal at any size."""
    rule, optimizer = rules.row.scaling, rules.optimizer
    by_width = rules.m_in**rule.wd_in * rules.m_out**rule.wd_out * _built_in_growth(rules)
    if optimizer.rate != "learning_rate":
        return float(by_width)
    by_depth = _rate_by_depth(rules, optimizer.degree_of_decay)
    return float(by_width / by_depth / rate_by_embedding(rules))


def epsilon_factor(rules: TensorRules) -> float:
    """Factor on epsilon, which follows the gradient in width, depth and noise."""
    power = rules.optimizer.epsilon_power
    by_noise = _noise(rules, power)
    if not follows_the_gradient(rules):
        return by_noise
    rule = rules.row.scaling
    return (
        float(
            rules.m_in**rule.eps_in * rules.m_out**rule.eps_out * _gradient_by_depth(rules, power)
        )
        * by_noise
    )


def other_factor(rules: TensorRules, name: str) -> float:
    """Factor on a hyperparameter beyond rate, decay and epsilon."""
    other = rules.optimizer.hyperparameter_row(name)
    if other is None:
        return 1.0
    by_noise = 1.0 if other.is_ratio else _noise(rules, other.gradient_power)
    of_gradient = other.gradient_power and not other.is_ratio
    if not rules.is_mup or (of_gradient and not follows_the_gradient(rules)):
        return by_noise
    x_in, x_out = other.exponents.get(rules.tensor.role, (0.0, 0.0))
    by_depth = _rate_by_depth(rules, 0) if other.is_rate else 1.0
    by_depth *= _gradient_by_depth(rules, other.gradient_power)
    return float(rules.m_in**x_in * rules.m_out**x_out) * by_depth * by_noise


def memory(rules: TensorRules, name: str, beta: float) -> Memory:
    """A beta or momentum after batch and tokens.

    Raises:
        ValueError: if no such average exists.

    """
    if name not in rules.horizon.remembers:
        return Memory(beta, extrapolated=False)
    return scaled_memory(name, beta, rules.horizon.memory.of(rules.mults.batch, rules.mults.tokens))


def follows_the_gradient(rules: TensorRules) -> bool:
    """True if the epsilon policy scales this tensor's epsilon with width and depth."""
    rule = rules.policies.epsilon_rule
    if rule is EpsilonRule.MATRICES:
        return rules.tensor.role in MATRICES
    return rule is EpsilonRule.GRADIENT


def _noise(rules: TensorRules, power: float) -> float:
    return float(rules.horizon.epsilon.of(rules.mults.batch, rules.mults.tokens) ** power)


def _rate_by_depth(rules: TensorRules, degree: float) -> float:
    return rate_factor(rules.policies.depth_rule, rules.policies.alpha, degree, rules.depth)


def _gradient_by_depth(rules: TensorRules, power: float) -> float:
    policies = rules.policies
    return float(gradient_factor(policies.depth_rule, policies.alpha, rules.depth) ** power)


def _built_in_growth(rules: TensorRules) -> float:
    """Growth of the factor by which the optimizer itself multiplies its bare step."""
    tensor, factor = rules.tensor, rules.optimizer.bare_factor
    if not rules.is_mup or not tensor.fan_out_axes or factor is None:
        return 1.0
    target, base = (
        factor(*tensor.layout.sides(shape)) for shape in (rules.target_shape, tensor.base_shape)
    )
    return target / base
