"""Width rules that follow from how a step answers to the gradient alone.

A step per unit of rate whose entries are of size s needs the rate d / s, where d is the size that
the change of an entry must have. Both are powers of m_in and m_out under the forward pass of
`rules` (Table 8: readouts are multiplied by 1/m_in, everything else by 1):

- d: changed entries of a matrix add up coherently over its fan-in, so d = 1/m_in for hidden
  matrices; nothing adds up in an input, a vector or a scalar, and a readout's sum is divided by
  m_in in the forward pass: d = 1.
- g, the size of a gradient's entry: what arrives at an activation is 1/width, so g = 1/m_out
  behind hidden and input tensors and vectors; a readout's gradient carries its multiplier:
  g = 1/m_in; a scalar's is free of width.
- s: entry by entry, a step of degree p has s = g^p. A step that answers to the tensor's gradient
  as a whole scales its norm or its singular values. Over widths at one batch a gradient has a
  bounded number of singular values, each of size g sqrt(n) with n = m_in m_out over the dimensions
  that grow. Raised to the power p and spread over n entries again, s = (g sqrt(n))^p / sqrt(n).

So rates are d / g^p, or d sqrt(n) / (g sqrt(n))^p. Three known tables come out of it: Adam's
(p = 0) and SGD's (p = 1), entry by entry, and K-FAC's (p = -1), which leaves every rate alone, for
the tensor as a whole. In the form without multipliers (a multiplier theta moved into the initial
size) g grows by 1/theta and d by theta, so that the rate is multiplied by theta^(1+p): the same
rates, seen from the other side. Weight decay, which is multiplied by the rate, is divided by it.
An epsilon of power q beside gradients follows g^q, or (g sqrt(n))^q.

No test of a paper stands behind such a row: it is graded `derived`, low, and the coordinate check
confirms or refuses it.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from parametrization.rules.row import Evidence, HyperparameterRow, Refusal, Row, Scaling
from parametrization.rules.step import Step, StepKind
from parametrization.shapes.roles import Role

DERIVED: Final = Evidence(
    "derived", "derived from the degree that its package declares", "D", "L", "no published test"
)


class _Sizes(NamedTuple):
    """Exponents of m_in and m_out of one role, and the growth of its fan-in and fan-out."""

    init_std: float
    multiplier: float
    change: tuple[float, float]
    gradient: tuple[float, float]
    grows: tuple[bool, bool]


# fmt: off
_SIZES: Final[Mapping[Role, _Sizes]] = {#    std  mult  change       gradient     grows
    Role.INPUT:            _Sizes( 0.0,  0.0, (0.0, 0.0),  (0.0, -1.0), (False, True)),
    Role.HIDDEN:           _Sizes(-0.5,  0.0, (-1.0, 0.0), (0.0, -1.0), (True, True)),
    Role.OUTPUT:           _Sizes( 0.0, -1.0, (0.0, 0.0),  (-1.0, 0.0), (True, False)),
    Role.VECTOR:           _Sizes( 0.0,  0.0, (0.0, 0.0),  (0.0, -1.0), (False, True)),
    Role.SCALAR:           _Sizes( 0.0,  0.0, (0.0, 0.0),  (0.0, 0.0),  (False, False)),
    Role.QK_NORM_GAIN:     _Sizes( 0.0,  0.0, (0.0, 0.0),  (0.0, 0.0),  (False, False)),
    Role.FINAL_NORM:       _Sizes( 0.0,  0.0, (0.0, 0.0),  (0.0, -1.0), (False, True)),
    Role.MOE_ROUTER:       _Sizes( 0.0, -1.0, (0.0, 0.0),  (-1.0, 0.0), (True, False)),
    Role.FIXED_BOTTLENECK: _Sizes(-1.0,  0.0, (-1.0, 0.0), (-0.5, 0.0), (True, False)),
    Role.GQA_KV:           _Sizes(-0.5,  0.0, (-1.0, 0.0), (-0.5, 0.0), (True, False)),
}
# fmt: on
_UNSTEADY: Final = frozenset({Role.FIXED_BOTTLENECK, Role.GQA_KV})
"""Their gradient's size changes from m^-1/2 at the start to 1 in training."""


def derived_rows(
    step: Step, *, epsilon_power: float = 0, decays: bool = False
) -> dict[Role, Row | Refusal]:
    """The rule of every role.

    Args:
        epsilon_power: of the gradient in epsilon; 0 where there is none.
        decays: whether there is a weight decay.

    """
    return {role: _row(role, step, epsilon_power, decays) for role in Role}


def size_exponents(power: float, kind: StepKind) -> dict[Role, tuple[float, float]]:
    """Exponents of (m_in, m_out) of a number of the gradient's size to a power."""
    sizes = {role: _gradient(role, kind) for role in Role}
    return {
        role: (power * g_in + 0.0, power * g_out + 0.0) for role, (g_in, g_out) in sizes.items()
    }


def follows_gradient(
    power: float, evidence: Evidence, kind: StepKind = StepKind.ENTRIES
) -> HyperparameterRow:
    """The rule of a number that stands beside the gradient's size to a power."""
    exponents = {role: pair for role, pair in size_exponents(power, kind).items() if any(pair)}
    return HyperparameterRow(exponents, evidence, gradient_power=power)


def ratio_of_rates(rate: Step, base: Step) -> HyperparameterRow:
    """The rule of a rate, of steps of one kind, given as a ratio to the rate of others."""
    power = base.degree - rate.degree
    exponents = ratio_exponents(rate, base)
    return HyperparameterRow(exponents, DERIVED, gradient_power=power, is_ratio=True)


def ratio_exponents(rate: Step, base: Step) -> dict[Role, tuple[float, float]]:
    """Exponents of (m_in, m_out) of the rate of one step over the rate of another."""
    pairs = {role: (_rate(role, rate), _rate(role, base)) for role in Role}
    return {role: (a[0] - b[0], a[1] - b[1]) for role, (a, b) in pairs.items()}


def _row(role: Role, step: Step, epsilon_power: float, decays: bool) -> Row | Refusal:
    if role in _UNSTEADY and step.degree != 0:
        return Refusal(
            "an internal map to a fixed width has no rate at every width: its gradient's size"
            " changes from m^-1/2 at the start to 1 in training, and the step with it",
            "let that dimension grow with width, or train the tensor with adamw",
            DERIVED,
        )
    sizes, (lr_in, lr_out) = _SIZES[role], _rate(role, step)
    eps_in, eps_out = size_exponents(epsilon_power, step.kind)[role]
    wd_in, wd_out = (-lr_in + 0.0, -lr_out + 0.0) if decays else (0.0, 0.0)
    scaling = Scaling(
        sizes.init_std, sizes.multiplier, lr_in, lr_out, eps_in, eps_out, wd_in, wd_out
    )
    return Row(scaling, DERIVED)


def _rate(role: Role, step: Step) -> tuple[float, float]:
    """Exponents of (m_in, m_out) of the learning rate."""
    sizes, gradient = _SIZES[role], _gradient(role, step.kind)
    spread = 0.5 if step.kind is StepKind.TENSOR else 0.0
    exponents = [
        change + spread * grows - step.degree * size
        for change, grows, size in zip(sizes.change, sizes.grows, gradient, strict=True)
    ]
    return exponents[0] + 0.0, exponents[1] + 0.0  # no minus zero


def _gradient(role: Role, kind: StepKind) -> tuple[float, float]:
    """Exponents of the gradient as the step sees it: of an entry, or of the tensor's norm."""
    sizes = _SIZES[role]
    spread = 0.5 if kind is StepKind.TENSOR else 0.0
    (g_in, g_out), (in_grows, out_grows) = sizes.gradient, sizes.grows
    return g_in + spread * in_grows, g_out + spread * out_grows
