"""Which slopes a right rule shows, measured for four updates at the check's small rates.

Thresholds are the 95 % quantile of a right rule's |slope|, with a margin; rules wrong by half a
power of width or more show at least 0.35.
"""

from typing import Final, NamedTuple

from parametrization.coordinate_slopes import Grid
from parametrization.roles import ModelShape, Role
from parametrization.rules import Optimizer


class Band(NamedTuple):
    """Slopes in [pass_low, pass_high] are right, beyond [fail_low, fail_high] wrong."""

    fail_low: float
    pass_low: float
    pass_high: float
    fail_high: float

    def judge(self, slope: float) -> bool | None:
        """True, False, or None between the two."""
        if self.pass_low <= slope <= self.pass_high:
            return True
        return None if self.fail_low < slope < self.fail_high else False


WRONG: Final = 0.35
"""|slope| of D that a rule wrong by half a power of width reaches."""

SQUARE_THRESHOLD: Final = {
    Role.INPUT: 0.10,
    Role.HIDDEN: 0.15,
    Role.OUTPUT: 0.20,
    Role.VECTOR: 0.10,
    Role.SCALAR: 0.10,
}
"""|slope| of D that passes where all hidden matrices are square."""
OTHER_THRESHOLD: Final = 0.20  # some hidden matrix is not square: a GPT's feed-forward
NARROW_SPAN_OUTPUT_THRESHOLD: Final = 0.30  # widths span less than a factor of 8
SGD_THRESHOLD: Final = {8: 0.20, 0: 0.30}  # by seeds at least

PROPAGATION_BANDS: Final = {
    Role.HIDDEN: Band(-0.50, -0.35, 0.20, 0.35),
    # Part of a readout's P is coherent (x(t) - x(0) was back-propagated through W(0) itself) and
    # has slope 0, the rest is a random sum of slope -0.5: right rules lie between the two.
    Role.OUTPUT: Band(-0.85, -0.65, 0.15, 0.25),
}
"""Slopes of P."""


def update_threshold(role: Role, shape: ModelShape, grid: Grid, optimizer: Optimizer) -> float:
    """Largest |slope| of D that passes for a tensor of this role in this check."""
    if role is Role.OUTPUT and grid.widths[-1] < 8 * grid.widths[0]:
        return NARROW_SPAN_OUTPUT_THRESHOLD
    if optimizer is Optimizer.SGD:
        return next(t for seeds, t in SGD_THRESHOLD.items() if len(grid.seeds) >= seeds)
    square = all(
        len(set(tensor.base_shape)) == 1 for tensor in shape.tensors if tensor.role is Role.HIDDEN
    )
    return SQUARE_THRESHOLD[role] if square else OTHER_THRESHOLD
