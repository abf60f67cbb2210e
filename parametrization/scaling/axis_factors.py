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
)
from parametrization.scaling.tensor_rules import Case
from parametrization.shapes.roles import Role


def initial_factor(case: Case) -> float:
    """On the standard deviation of the initial draw."""
    return float(case.m_in**case.row.scaling.init_std)


def forward_factor(case: Case, multiplier: float = 1.0) -> float:
    """On the layer's output, times a multiplier of the caller's own."""
    if case.tensor.tied and case.is_mup:
        multiplier /= case.m_out  # the readout's fan-in is what the lookup puts out
    return float(multiplier * case.m_in**case.row.scaling.multiplier)


def rate_by_width(case: Case) -> float:
    """By the width row; the growth of what the optimizer multiplies by itself is taken out."""
    rule = case.row.scaling
    return float(case.m_in**rule.lr_in * case.m_out**rule.lr_out / _built_in_growth(case))


def rate_by_depth(case: Case) -> float:
    """By the depth rule, for the degree of the update."""
    is_rate = case.optimizer.rate == "learning_rate"
    return _rate_by_depth(case, case.optimizer.step.degree) if is_rate else 1.0


def rate_by_embedding(case: Case) -> float:
    """By the embedding policy, on tables that are looked up.

    Raises:
        ValueError: if the policy says nothing of this optimizer.

    """
    rule, tensor = case.policies.embedding_lr_rule, case.tensor
    is_table = tensor.role is Role.INPUT and tensor.fan_in_axis == 0
    if rule is EmbeddingRateRule.CONSTANT or not is_table or not case.is_mup:
        return 1.0
    if not case.optimizer.sqrt_embedding_rate:
        known = sorted(name for name, one in OPTIMIZERS.items() if one.sqrt_embedding_rate)
        raise ValueError(
            f"embedding_lr_rule {rule} has no row for {case.optimizer.name}: it is known for"
            f" {', '.join(known)}; use constant, or one of those for {tensor.name}"
        )
    return float(case.m_out ** EMBEDDING_RATE_EXPONENT[rule])


def rate_by_horizon(case: Case) -> float:
    """By batch and tokens."""
    return case.horizon.rate.of(case.mults.batch, case.mults.tokens)


def rate_factor_of(case: Case) -> float:
    """On the learning rate, by all axes."""
    scaled = rate_by_width(case) * rate_by_depth(case) * rate_by_embedding(case)
    return scaled * rate_by_horizon(case)


def decay_factor(case: Case) -> float:
    """On the coupled weight decay, by all axes and the decay policy."""
    by_horizon = case.horizon.weight_decay.of(case.mults.batch, case.mults.tokens)
    if not case.is_mup:
        return by_horizon
    policy = WEIGHT_DECAY_ROWS[case.policies.weight_decay_rule]
    exponent = policy.matrices if case.tensor.role in MATRICES else policy.others
    if exponent is None:
        return 0.0
    if not policy.compensated:
        return by_horizon
    return float(_compensation(case) * case.mults.width**exponent * by_horizon)


def _compensation(case: Case) -> float:
    """What keeps rate times decay, as the optimizer combines them, free of width and depth."""
    rule, optimizer = case.row.scaling, case.optimizer
    by_width = case.m_in**rule.wd_in * case.m_out**rule.wd_out * _built_in_growth(case)
    if optimizer.rate != "learning_rate":
        return float(by_width)
    by_depth = _rate_by_depth(case, optimizer.degree_of_decay)
    return float(by_width / by_depth / rate_by_embedding(case))


def epsilon_factor(case: Case) -> float:
    """On epsilon: it follows the gradient, in width, depth and noise."""
    power = case.optimizer.epsilon_power
    by_noise = _noise(case, power)
    if not follows_the_gradient(case):
        return by_noise
    rule = case.row.scaling
    return (
        float(case.m_in**rule.eps_in * case.m_out**rule.eps_out * _gradient_by_depth(case, power))
        * by_noise
    )


def other_factor(case: Case, name: str) -> float:
    """On a hyperparameter beyond rate, decay and epsilon."""
    other = case.optimizer.hyperparameter_row(name)
    if other is None:
        return 1.0
    by_noise = 1.0 if other.is_ratio else _noise(case, other.gradient_power)
    of_gradient = other.gradient_power and not other.is_ratio
    if not case.is_mup or (of_gradient and not follows_the_gradient(case)):
        return by_noise
    x_in, x_out = other.exponents.get(case.tensor.role, (0.0, 0.0))
    by_depth = _rate_by_depth(case, 0) if other.is_rate else 1.0
    by_depth *= _gradient_by_depth(case, other.gradient_power)
    return float(case.m_in**x_in * case.m_out**x_out) * by_depth * by_noise


def memory(case: Case, name: str, beta: float) -> Memory:
    """A beta or momentum after batch and tokens.

    Raises:
        ValueError: if no such average exists.

    """
    if name not in case.horizon.remembers:
        return Memory(beta, extrapolated=False)
    return scaled_memory(name, beta, case.horizon.memory.of(case.mults.batch, case.mults.tokens))


def follows_the_gradient(case: Case) -> bool:
    """Whether the epsilon policy scales this tensor's epsilon with width and depth at all."""
    rule = case.policies.epsilon_rule
    if rule is EpsilonRule.MATRICES:
        return case.tensor.role in MATRICES
    return rule is EpsilonRule.GRADIENT


def _noise(case: Case, power: float) -> float:
    return float(case.horizon.epsilon.of(case.mults.batch, case.mults.tokens) ** power)


def _rate_by_depth(case: Case, degree: float) -> float:
    return rate_factor(case.policies.depth_rule, case.policies.alpha, degree, case.depth)


def _gradient_by_depth(case: Case, power: float) -> float:
    policies = case.policies
    return float(gradient_factor(policies.depth_rule, policies.alpha, case.depth) ** power)


def _built_in_growth(case: Case) -> float:
    """Growth of the factor by which the optimizer itself multiplies its bare step."""
    tensor, axis, factor = case.tensor, case.tensor.fan_out_axis, case.optimizer.bare_factor
    if not case.is_mup or axis is None or factor is None:
        return 1.0
    target, base = (
        factor(*_sides(shape, axis))
        for shape in (tensor.shape_at(case.mults.width), tensor.base_shape)
    )
    return target / base


def _sides(shape: tuple[int, ...], fan_out_axis: int) -> tuple[int, int]:
    """(fan_out, everything else): a kernel belongs to the fan-in."""
    rest = 1
    for axis, size in enumerate(shape):
        rest *= 1 if axis == fan_out_axis else size
    return shape[fan_out_axis], rest
