"""The laws that width rows obey, written without looking at the rows.

Exponents of (m_in, m_out), as pairs. What is back-propagated is divided by the readout's multiplier
once, and the smaller the wider the layer it reaches. A step is measured by its spectral norm: steps
of single entries are coherent over a batch, hence of a spectral norm like their Frobenius norm.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final, NamedTuple

from parametrization.rules.row import Scaling
from parametrization.shapes.roles import Role

WIDE: Final = {  # whether fan-in and fan-out grow
    Role.INPUT: (0, 1),
    Role.HIDDEN: (1, 1),
    Role.OUTPUT: (1, 0),
    Role.VECTOR: (0, 1),
    Role.SCALAR: (0, 0),
    Role.QK_NORM_GAIN: (0, 0),
    Role.FINAL_NORM: (0, 1),
    Role.MOE_ROUTER: (1, 0),
    Role.FIXED_BOTTLENECK: (1, 0),
    Role.GQA_KV: (1, 0),
}
# A map from wide to fixed inside the model back-propagates a random sum over the next layer's
# width, m^1/2 times what its entries carry.
_INTERNAL: Final = (Role.FIXED_BOTTLENECK, Role.GQA_KV)
READOUTS: Final = (Role.OUTPUT, Role.MOE_ROUTER)


class Size(Enum):
    """What a step at learning rate 1 is the size of, for an update of degree 0."""

    ENTRY = "every entry is about 1"
    WHOLE = "the whole tensor has norm 1"
    TENSOR = "the step has the tensor's own norm"


class Step(NamedTuple):
    size: Size
    degree: int
    epsilon: int = 1  # power of the gradient in epsilon
    epsilon_size: Size = Size.ENTRY  # of an entry of the gradient, or of all of it


E, W, T = Size
STEPS: Final[Mapping[str, Step]] = {
    "adam": Step(E, 0),
    "adamw": Step(E, 0),
    "sgd": Step(E, 1, 0),
    "sgd_nesterov": Step(E, 1, 0),
    "adagrad": Step(E, 0),
    "rmsprop": Step(E, 0),
    "schedule_free_adamw": Step(E, 0),
    "lion": Step(E, 0, 0),
    "layer_normalised_sgd": Step(W, 0, 2, W),
    "lars": Step(T, 0, 0),
    "lamb": Step(T, 0),
    "adafactor": Step(T, 0),
    "muon_spectral": Step(W, 0, 1, W),
    "muon_original": Step(W, 0, 1, W),
    "muon_match_rms_adamw": Step(W, 0, 1, W),
    "adamh": Step(T, 0),
    "muonh": Step(T, 0, 1, W),
    "scion_column": Step(E, 0),
    "scion_spectral": Step(W, 0, 1, W),
    "scion_sign": Step(E, 0, 0),
    "scion_rms": Step(E, 0),
    "modular_matrix": Step(W, 0, 1, W),
    "modular_embedding": Step(E, 0),
    "modular_vector": Step(E, 0),
    "shampoo_quarter": Step(W, 0, 2, W),
    "shampoo_half": Step(W, -1, 2, W),
    "shampoo_grafted": Step(E, 0, 2, W),
    "soap": Step(W, 0, 1, W),
    "kfac": Step(W, -1, 0),
    "ekfac": Step(W, -1, 0),
}
"""Sign descent is absent: its rate is free of width and its radius is Lion's rate."""

Pair = tuple[float, float]


def plus(*pairs: Pair) -> Pair:
    return sum(p[0] for p in pairs), sum(p[1] for p in pairs)


def times(factor: float, pair: Pair) -> Pair:
    return factor * pair[0], factor * pair[1]


def half_entries(role: Role) -> Pair:
    """Of the root of the number of entries: Frobenius norm over the size of an entry."""
    return times(0.5, WIDE[role])


def gradient(role: Role, rule: Scaling) -> Pair:
    """Of one entry of the gradient."""
    if role in READOUTS:
        return (rule.multiplier, 0)
    if role in _INTERNAL:
        return (-0.5, 0)
    return (0, -WIDE[role][1])


def step_norm(step: Step, role: Role, rule: Scaling) -> Pair:
    """Of the spectral norm of a step at learning rate 1."""
    entry, root = gradient(role, rule), half_entries(role)
    if step.size is Size.ENTRY:
        return plus(times(step.degree, entry), root)
    if step.size is Size.WHOLE:
        return times(step.degree, plus(entry, root))
    return plus((rule.init_std, 0), root)


def activation_change(step: Step, role: Role, rule: Scaling) -> Pair:
    """Of the change that a step makes to what its layer puts out: (0, 0) under a right rule.

    A step of spectral norm s takes inputs of size sqrt(fan-in) to outputs of size sqrt(fan-out).
    """
    wide_in, wide_out = WIDE[role]
    across = (rule.multiplier + wide_in / 2, -wide_out / 2)
    return plus((rule.lr_in, rule.lr_out), step_norm(step, role, rule), across)


def expected_epsilon(step: Step, role: Role, rule: Scaling) -> Pair:
    """Of an epsilon that stays as small beside the gradient at every width."""
    size = gradient(role, rule)
    if step.epsilon_size is Size.WHOLE:
        size = plus(size, half_entries(role))
    return times(step.epsilon, size)


def relative_decay(optimizer: str, role: Role, rule: Scaling) -> Pair:
    """Of the share of a tensor that one step's decay removes, per unit of weight decay."""
    rate = (rule.lr_in, rule.lr_out)
    size = (rule.init_std, 0.0)
    if optimizer == "lamb":  # rate ||w|| / ||adam(g)|| * decay, Adam's entries about 1
        return plus(rate, size)
    if optimizer == "lars":  # rate ||w|| / ||g|| * decay
        return plus(rate, size, times(-1, gradient(role, rule)))
    return rate


def start(role: Role, rule: Scaling) -> float:
    """Of the size of what a layer puts out at the start: a random sum over the fan-in."""
    return rule.init_std + rule.multiplier + WIDE[role][0] / 2


STARTS: Final = {role: 0.0 for role in Role} | {
    Role.OUTPUT: -0.5,
    Role.MOE_ROUTER: -0.5,
    Role.FIXED_BOTTLENECK: -0.5,
}
"""Readouts, and what is like them, start small, as a kernel limit asks."""
