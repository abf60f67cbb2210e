"""Width scaling per tensor role: exponents of m_in and m_out, the growth of fan-in and fan-out.

Source of `mup`: Yang et al. 2022, arXiv:2203.03466, Table 8 (learning rates, initialisation,
multipliers), App. B.3 (epsilon: like 1/m, the gradient's own size, on every tensor with a wide
dimension; weight decay: learning rate x decay stays constant).
Source of `sp`: one rate for every tensor and width, torch-like 1/sqrt(fan_in) initialisation;
by construction equal to `mup` at the base width.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from parametrization.roles import Role


class Parametrization(StrEnum):
    SP = "sp"  # standard: one learning rate for every tensor, at every width
    MUP = "mup"  # maximal update, Tensor Programs V, Table 8


class Optimizer(StrEnum):
    ADAM = "adam"
    ADAMW = "adamw"
    SGD = "sgd"


class Scaling(NamedTuple):
    """Exponents of one row; a factor is m_in ** x_in * m_out ** x_out.

    m is 1 along a dimension that does not grow. A bias or gain has a fan-out and no fan-in.
    """

    init_std: float  # of m_in; relative to the base width's standard deviation
    multiplier: float  # of m_in; on the layer's output
    lr_in: float
    lr_out: float
    eps_in: float = 0.0
    eps_out: float = 0.0
    wd_in: float = 0.0  # on the decay that torch multiplies by the learning rate
    wd_out: float = 0.0


SP, MUP = Parametrization
ADAM, ADAMW, SGD = Optimizer
INPUT, HIDDEN, OUTPUT, VECTOR, SCALAR, QK_NORM_GAIN, FINAL_NORM = list(Role)[:7]
MOE_ROUTER, FIXED_BOTTLENECK, GQA_KV = list(Role)[7:]

# fmt: off
_STANDARD: Final = {              # init_std  mult  lr_in lr_out
    INPUT:                 Scaling(     0.0,   0.0,   0.0,   0.0),
    HIDDEN:                Scaling(    -0.5,   0.0,   0.0,   0.0),
    OUTPUT:                Scaling(    -0.5,   0.0,   0.0,   0.0),
    VECTOR:                Scaling(     0.0,   0.0,   0.0,   0.0),
    SCALAR:                Scaling(     0.0,   0.0,   0.0,   0.0),
    QK_NORM_GAIN:          Scaling(     0.0,   0.0,   0.0,   0.0),
    FINAL_NORM:            Scaling(     0.0,   0.0,   0.0,   0.0),
    MOE_ROUTER:            Scaling(    -0.5,   0.0,   0.0,   0.0),
    FIXED_BOTTLENECK:      Scaling(    -0.5,   0.0,   0.0,   0.0),
    GQA_KV:                Scaling(    -0.5,   0.0,   0.0,   0.0),
}
_MAXIMAL_UPDATE: Final = {        # init_std  mult  lr_in lr_out eps_in eps_out wd_in wd_out
    (ADAM, INPUT):         Scaling(     0.0,   0.0,   0.0,   0.0,   0.0,  -1.0,   0.0,   0.0),
    (ADAM, HIDDEN):        Scaling(    -0.5,   0.0,  -1.0,   0.0,   0.0,  -1.0,   0.0,   0.0),
    (ADAM, OUTPUT):        Scaling(     0.0,  -1.0,   0.0,   0.0,  -1.0,   0.0,   0.0,   0.0),
    (ADAM, VECTOR):        Scaling(     0.0,   0.0,   0.0,   0.0,   0.0,  -1.0,   0.0,   0.0),
    (ADAM, SCALAR):        Scaling(     0.0,   0.0,   0.0,   0.0,   0.0,   0.0,   0.0,   0.0),
    (ADAM, QK_NORM_GAIN): Scaling(0.0,  0.0,  0.0,  0.0,  0.0,  0.0,  0.0,  0.0),
    (ADAM, FINAL_NORM): Scaling(0.0,  0.0,  0.0,  0.0,  0.0, -1.0,  0.0,  0.0),
    (ADAM, MOE_ROUTER): Scaling(0.0, -1.0,  0.0,  0.0, -1.0,  0.0,  0.0,  0.0),
    (ADAM, FIXED_BOTTLENECK): Scaling(-1.0,  0.0, -1.0,  0.0, -0.5,  0.0,  0.0,  0.0),
    (ADAM, GQA_KV): Scaling(-0.5,  0.0, -1.0,  0.0, -0.5,  0.0,  0.0,  0.0),
    (ADAMW, INPUT):        Scaling(     0.0,   0.0,   0.0,   0.0,   0.0,  -1.0,   0.0,   0.0),
    (ADAMW, HIDDEN):       Scaling(    -0.5,   0.0,  -1.0,   0.0,   0.0,  -1.0,   1.0,   0.0),
    (ADAMW, OUTPUT):       Scaling(     0.0,  -1.0,   0.0,   0.0,  -1.0,   0.0,   0.0,   0.0),
    (ADAMW, VECTOR):       Scaling(     0.0,   0.0,   0.0,   0.0,   0.0,  -1.0,   0.0,   0.0),
    (ADAMW, SCALAR):       Scaling(     0.0,   0.0,   0.0,   0.0,   0.0,   0.0,   0.0,   0.0),
    (ADAMW, QK_NORM_GAIN): Scaling(0.0,  0.0,  0.0,  0.0,  0.0,  0.0,  0.0,  0.0),
    (ADAMW, FINAL_NORM): Scaling(0.0,  0.0,  0.0,  0.0,  0.0, -1.0,  0.0,  0.0),
    (ADAMW, MOE_ROUTER): Scaling(0.0, -1.0,  0.0,  0.0, -1.0,  0.0,  0.0,  0.0),
    (ADAMW, FIXED_BOTTLENECK): Scaling(-1.0,  0.0, -1.0,  0.0, -0.5,  0.0,  1.0,  0.0),
    (ADAMW, GQA_KV): Scaling(-0.5,  0.0, -1.0,  0.0, -0.5,  0.0,  1.0,  0.0),
    (SGD, INPUT):          Scaling(     0.0,   0.0,   0.0,   1.0,   0.0,   0.0,   0.0,  -1.0),
    (SGD, HIDDEN):         Scaling(    -0.5,   0.0,  -1.0,   1.0,   0.0,   0.0,   1.0,  -1.0),
    (SGD, OUTPUT):         Scaling(     0.0,  -1.0,   1.0,   0.0,   0.0,   0.0,  -1.0,   0.0),
    (SGD, VECTOR):         Scaling(     0.0,   0.0,   0.0,   1.0,   0.0,   0.0,   0.0,  -1.0),
    (SGD, SCALAR):         Scaling(     0.0,   0.0,   0.0,   0.0,   0.0,   0.0,   0.0,   0.0),
    (SGD, QK_NORM_GAIN): Scaling(0.0,  0.0,  0.0,  0.0),
    (SGD, FINAL_NORM): Scaling(0.0,  0.0,  0.0,  1.0,  0.0,  0.0,  0.0, -1.0),
    (SGD, MOE_ROUTER): Scaling(0.0, -1.0,  1.0,  0.0,  0.0,  0.0, -1.0,  0.0),
}
# fmt: on

WIDTH_RULES: Final[Mapping[tuple[Parametrization, Optimizer, Role], Scaling]] = {
    **{(SP, optimizer, role): row for optimizer in Optimizer for role, row in _STANDARD.items()},
    **{(MUP, optimizer, role): row for (optimizer, role), row in _MAXIMAL_UPDATE.items()},
}
"""Exponents by parametrization, optimizer and role."""
