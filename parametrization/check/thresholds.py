"""Define the slopes that correct rules show, measured for four updates at small rates.

Thresholds are the 95 % quantile of a right rule's |slope|, with a margin; rules wrong by half a
power of width or more show at least 0.35.
"""

import math
from typing import Final, NamedTuple

from parametrization.check.slopes import (
    ATTENTION_LOGITS,
    BLOCK_INPUT,
    OUTPUT,
    RESIDUAL_STREAM,
    Grid,
    Slope,
    activation_kind,
)
from parametrization.check.words import Statistic, sized_by_gradient
from parametrization.optimizers.registry import declared
from parametrization.scaling.companions import assignment_of
from parametrization.shapes.like_tensors import TensorFamily
from parametrization.shapes.roles import ModelShape, Role, TensorShape


class Judged(NamedTuple):
    """One slope and what it means.

    Attributes:
        at_widest: the slope over the widest widths, where it decides: one that fades.
        seeds_disagree: whether it is in doubt for no other reason.
        aligned: the slope of the aligned part, where it decides: D falls as random sums do.
        is_unaligned: whether it is in doubt because there is next to no aligned part.

    """

    statistic: Statistic
    slope: Slope
    passed: bool | None
    at_widest: Slope | None = None
    seeds_disagree: bool = False
    aligned: Slope | None = None
    is_unaligned: bool = False


class Band(NamedTuple):
    """Slopes in [pass_low, pass_high] are right, beyond [fail_low, fail_high] wrong."""

    fail_low: float
    pass_low: float
    pass_high: float
    fail_high: float

    def judged(self, statistic: Statistic, slope: Slope, at_widest: Slope | None = None) -> Judged:
        """The slope with what it means."""
        passed = True if at_widest is not None else self.judge(slope)
        inside = self.pass_low <= slope.mean <= self.pass_high
        outside = not self.fail_low < slope.mean < self.fail_high
        return Judged(statistic, slope, passed, at_widest, passed is None and (inside or outside))

    def lowered(self, times: int) -> "Band":
        """The band with its lower ends multiplied, for what may fall faster."""
        return self._replace(fail_low=times * self.fail_low, pass_low=times * self.pass_low)

    def fades(self, slope: Slope, at_widest: Slope) -> bool:
        """True if a slope in doubt is a transient of narrow models: right, and less, in wide ones.

        A rule that is wrong by a power of width has the same slope everywhere.
        """
        low, high = at_widest.interval
        return (
            self.fail_low < slope.mean < self.fail_high
            and self.pass_low <= at_widest.mean <= self.pass_high
            and self.fail_low < low
            and high < self.fail_high
            and abs(at_widest.mean) < _FADED * abs(slope.mean)
        )

    def judge(self, slope: Slope) -> bool | None:
        """True, False, or None: between the two, or seeds that disagree.

        Seeds disagree where the interval of a slope that passes reaches what is wrong, or that
        of one that fails reaches what is right.
        """
        low, high = slope.interval
        if self.pass_low <= slope.mean <= self.pass_high:
            return True if self.fail_low < low and high < self.fail_high else None
        if self.fail_low < slope.mean < self.fail_high:
            return None
        return None if low <= self.pass_high and self.pass_low <= high else False


_FADED: Final = 0.85
"""Share of a slope that is left at the widest widths where it fades like a power of 1/width."""

WRONG: Final = 0.35
"""|slope| of D that a rule wrong by half a power of width reaches."""

SQUARE_THRESHOLD: Final = {
    Role.HIDDEN: 0.15,
    Role.OUTPUT: 0.20,
    Role.MOE_ROUTER: 0.20,
    Role.FIXED_BOTTLENECK: 0.20,
    Role.GQA_KV: 0.20,
}
"""|slope| of D that passes where all hidden matrices are square."""
NARROW_THRESHOLD: Final = 0.10  # input tensors, vectors, scalars
OTHER_THRESHOLD: Final = 0.20  # some hidden matrix is not square: a GPT's feed-forward
FILTER_THRESHOLD: Final = 0.20  # a depthwise convolution
NARROW_SPAN_OUTPUT_THRESHOLD: Final = 0.30  # widths span less than a factor of 8
NON_ZERO_OUTPUT_THRESHOLD: Final = 0.35  # a readout that cannot start at zero
NON_ZERO_OUTPUT_WRONG: Final = 0.45
SGD_THRESHOLD: Final = {8: 0.20, 0: 0.30}  # by seeds at least

PROPAGATION_BANDS: Final = {
    Role.HIDDEN: Band(-0.50, -0.35, 0.20, 0.35),
    # Part of a readout's P is coherent (x(t) - x(0) was back-propagated through W(0) itself) and
    # has slope 0, the rest is a random sum of slope -0.5: right rules lie between the two.
    Role.OUTPUT: Band(-0.85, -0.65, 0.15, 0.25),
    # Its rate can be right and its initialisation not: 1/sqrt(fan_in) shows 0.2 to 0.4, and the
    # muP value starts lazily. Never a failure, and no clean bill either.
    Role.GQA_KV: Band(-math.inf, -0.35, 0.20, math.inf),
}
"""Slopes of P."""

INITIAL_BAND: Final = Band(-0.2, -0.1, 0.1, 0.2)
"""Slope of the initial size less the rule's: exact but for the draw itself."""
VANISHING_BAND: Final = Band(-math.inf, -math.inf, 0.1, 0.2)
"""The same where the model starts the tensor itself and no sum is over width: growth is wrong."""

BLOCK_BAND: Final = Band(-0.35, -0.25, 0.25, 0.35)
"""Slopes of what blocks give and are given, at first and in change: flat, but for finite width."""
LOGITS_BAND: Final = Band(-0.85, -0.70, 0.15, 0.30)
"""Slope of the size of logits at step 0: a random sum has -0.5, a table's own embedding 0."""
LOGITS_UPDATE_BAND: Final = Band(-0.85, -0.60, 0.35, 0.45)
"""Slope of the change of logits: with a readout from zero that of D. Of a tied table -0.2 to -0.45
under the right rule: its start, which falls, takes part."""
SATURATED: Final = 3.0
"""rms of logits at step 0 from which on a softmax is one class or another: gradients vanish."""

UNALIGNED: Final = 0.1
"""Share of D^2 that is aligned below which D is next to nothing but a random sum."""

LAZY: Final = -0.75
LAZY_WRONG: Final = -1.0
"""Slope of D behind what starts at a random sum of slope -0.5: a bottleneck, a product that a
temperature multiplies. A few small updates are too few to see it catch up."""

DEPTH_THRESHOLD: Final = {False: 0.15, True: 0.25}
"""|slope| over depth of the mean D inside blocks, by whether steps are of the gradient's size."""
DEPTH_WRONG: Final = 0.40  # a half power; errors of a full power show 0.8 and more
STREAM_BAND: Final = Band(-0.40, -0.25, 0.25, 0.40)
"""Slope over depth of the residual stream's change; without a rule 0.7 and more."""


def starts_at_zero(optimizer: str) -> bool:
    """True if a readout that this optimizer trains, or trains behind, may start at zero.

    Not where steps are relative to the tensor's size, nor where the gradients of the first step,
    which a readout of zero makes zero, become a preconditioner.
    """
    one = declared(optimizer)
    return not (one.weight_degree or one.step.degree < 0 or one.starts_from_first_gradient)


def update_band(family: TensorFamily, shape: ModelShape, grid: Grid, optimizer: str) -> Band:
    """Slopes of D of like tensors, in a model that `optimizer` trains or leads the training of."""
    trained_by = assignment_of(optimizer).optimizer_of(family.tensors[0])
    limit, wrong = update_threshold(family.role, shape, grid, trained_by), WRONG
    tied = any(tensor.tied for tensor in family.tensors)
    # A readout's bias gets what the logits say: at first those of the readout that was drawn.
    follows = family.role is Role.SCALAR and sized_by_gradient(trained_by)
    if (family.role is Role.OUTPUT or follows) and (tied or not starts_at_zero(optimizer)):
        limit, wrong = NON_ZERO_OUTPUT_THRESHOLD, NON_ZERO_OUTPUT_WRONG
    if _is_one_number(family) or _follows_bottleneck(family, shape):
        return Band(LAZY_WRONG, LAZY, limit, wrong)
    return Band(-wrong, -limit, limit, wrong)


def _is_one_number(family: TensorFamily) -> bool:
    """A temperature: no rule can be wrong, and what it multiplies may fall as logits do."""
    return family.role is Role.SCALAR and family.tensors[0].base_shape in ((), (1,))


def _follows_bottleneck(family: TensorFamily, shape: ModelShape) -> bool:
    """True if it appears to read the output of a bottleneck of fixed width."""
    first = family.tensors[0]
    if family.role is not Role.INPUT or first.is_table or not first.fan_in_axes:
        return False
    names = [tensor.name for tensor in shape.tensors]
    before = shape.tensors[: names.index(first.name)]
    return any(
        tensor.role is Role.FIXED_BOTTLENECK
        and tensor.size_along(tensor.fan_out_axes) == first.size_along(first.fan_in_axes)
        for tensor in before
    )


def update_threshold(role: Role, shape: ModelShape, grid: Grid, optimizer: str) -> float:
    """Largest |slope| of D that passes for a tensor of this role in this check."""
    if role is Role.OUTPUT and grid.sizes[-1] < 8 * grid.sizes[0]:
        return NARROW_SPAN_OUTPUT_THRESHOLD
    if sized_by_gradient(optimizer):
        return next(t for seeds, t in SGD_THRESHOLD.items() if len(grid.seeds) >= seeds)
    square = all(
        len({tensor.size_along(axes) for axes in (tensor.fan_in_axes, tensor.fan_out_axes) if axes})
        == 1
        for tensor in shape.tensors
        if tensor.role is Role.HIDDEN
    )
    if any(t.role is Role.VECTOR and t.fan_in_axis is not None for t in shape.tensors):
        return FILTER_THRESHOLD
    return SQUARE_THRESHOLD.get(role, NARROW_THRESHOLD) if square else OTHER_THRESHOLD


def depth_band(optimizer: str) -> Band:
    """Slopes over depth of the mean D inside blocks."""
    limit = DEPTH_THRESHOLD[sized_by_gradient(optimizer)]
    return Band(-DEPTH_WRONG, -limit, limit, DEPTH_WRONG)


def propagation_band(tensor: TensorShape) -> Band | None:
    """Slopes of P; None where it is not judged.

    A bilinear readout sums over both of its inputs: a random sum there falls twice as fast.
    """
    band = PROPAGATION_BANDS.get(tensor.role)
    if band is None or tensor.role is not Role.OUTPUT:
        return band
    return band.lowered(powers_of_fan_in(tensor))


def powers_of_fan_in(tensor: TensorShape) -> int:
    """Powers of width that the fan-in grows by, 1 at least."""
    return max(1, sum(tensor.infinite[axis] for axis in tensor.fan_in_axes))


def activation_bands(kind: str, shape: ModelShape) -> dict[Statistic, Band]:
    """Slopes that are right for an activation of this kind, in a model of this shape."""
    if kind == ATTENTION_LOGITS:
        return {Statistic.INITIAL: INITIAL_BAND}
    if kind in (OUTPUT, BLOCK_INPUT):
        return {Statistic.UPDATE: BLOCK_BAND, Statistic.INITIAL: BLOCK_BAND}
    powers = max((powers_of_fan_in(t) for t in shape.tensors if t.role is Role.OUTPUT), default=1)
    return {Statistic.UPDATE: LOGITS_UPDATE_BAND, Statistic.INITIAL: LOGITS_BAND.lowered(powers)}


def role_of_activation(name: str) -> Role:
    """The role that stands beside an activation: of logits that of a readout."""
    kind = activation_kind(name)
    if kind == RESIDUAL_STREAM:
        return Role.SCALAR
    return Role.HIDDEN if kind in (OUTPUT, BLOCK_INPUT) else Role.OUTPUT
