"""The laws that width rows obey, written without looking at the rows.

Exponents of (m_in, m_out), as pairs. What is back-propagated is divided by the readout's multiplier
once, and the smaller the wider the layer it reaches. A step is measured by its spectral norm: steps
of single entries are coherent over a batch, hence of a spectral norm like their Frobenius norm.
"""

from enum import Enum
from typing import Final, NamedTuple

from parametrization.rules.lookup import Optimizer, Scaling
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
O = Optimizer  # noqa: E741  # the table below is read by its columns
STEPS: Final = {
    O.ADAM: Step(E, 0),
    O.ADAMW: Step(E, 0),
    O.SGD: Step(E, 1, 0),
    O.SGD_MOMENTUM: Step(E, 1, 0),
    O.SGD_NESTEROV: Step(E, 1, 0),
    O.ADAGRAD: Step(E, 0),
    O.RMSPROP: Step(E, 0),
    O.SCHEDULE_FREE_ADAMW: Step(E, 0),
    O.LION: Step(E, 0, 0),
    O.LAYER_NORMALISED_SGD: Step(W, 0, 2, W),
    O.LARS: Step(T, 0, 0),
    O.LAMB: Step(T, 0),
    O.ADAFACTOR: Step(T, 0),
    O.MUON_SPECTRAL: Step(W, 0, 1, W),
    O.MUON_ORIGINAL: Step(W, 0, 1, W),
    O.MUON_MATCH_RMS_ADAMW: Step(W, 0, 1, W),
    O.MUON_BARE: Step(W, 0, 1, W),
    O.SCION_COLUMN: Step(E, 0),
    O.SCION_SPECTRAL: Step(W, 0, 1, W),
    O.SCION_SPECTRAL_AT_LEAST_ONE: Step(W, 0, 1, W),
    O.SCION_SIGN: Step(E, 0, 0),
    O.SCION_SIGN_OVER_FAN_IN: Step(E, 0, 0),
    O.SCION_RMS: Step(E, 0),
    O.MODULAR_MATRIX: Step(W, 0, 1, W),
    O.MODULAR_EMBEDDING: Step(E, 0),
    O.MODULAR_VECTOR: Step(E, 0),
    O.SHAMPOO_QUARTER: Step(W, 0, 2, W),
    O.SHAMPOO_HALF: Step(W, -1, 2, W),
    O.SHAMPOO_GRAFTED: Step(E, 0, 2, W),
    O.SOAP: Step(W, 0, 1, W),
    O.KFAC: Step(W, -1, 0),
    O.EKFAC: Step(W, -1, 0),
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


def relative_decay(optimizer: Optimizer, role: Role, rule: Scaling) -> Pair:
    """Of the share of a tensor that one step's decay removes, per unit of weight decay."""
    rate = (rule.lr_in, rule.lr_out)
    size = (rule.init_std, 0.0)
    if optimizer is Optimizer.LAMB:  # rate ||w|| / ||adam(g)|| * decay, Adam's entries about 1
        return plus(rate, size)
    if optimizer is Optimizer.LARS:  # rate ||w|| / ||g|| * decay
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
