"""Whether a few updates move activations by the same amount at every width: the verdict.

Judges the statistics of `coordinate_statistics` by their slopes. Passing is necessary for the
learning rate to transfer, not sufficient.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from parametrization.coordinate_slopes import Grid, Slope, TensorStatistic, complete_grid
from parametrization.coordinate_thresholds import (
    PROPAGATION_BANDS,
    WRONG,
    Band,
    update_threshold,
)
from parametrization.coordinate_words import Statistic, cause, growth, summarise
from parametrization.roles import ModelShape, Role
from parametrization.rules import Optimizer
from parametrization.tensor_families import TensorFamily, tensor_families

__all__ = ["CHECK_LEARNING_RATE", "CheckVerdict", "TensorStatistic", "TensorVerdict", "judge"]

CHECK_LEARNING_RATE: Final = {
    Optimizer.ADAM: 2.0**-12,
    Optimizer.ADAMW: 2.0**-12,
    Optimizer.SGD: 2.0**-7,
}
"""Rate at the base width: small enough that slopes are those of the rule, not of training."""

MIN_WIDTHS: Final = 3
MIN_SEEDS: Final = 4  # with two, right rules fail in 6-10 % of checks


@dataclass(frozen=True, slots=True)
class TensorVerdict:
    """One tensor, or the like tensors of all blocks (`blocks.*.attn.out.weight`).

    Attributes:
        update_slope: of D; 0 under a right rule. None if nothing moved.
        update_interval: 95 % bootstrap interval over seeds.
        propagation_slope: of P; None for tensors that multiply no activations.
        threshold: largest |update_slope| that passes.
        passed: None if inconclusive.

    """

    tensor: str
    role: Role
    update_slope: float | None
    update_interval: tuple[float, float] | None
    propagation_slope: float | None
    threshold: float
    passed: bool | None
    words: str


@dataclass(frozen=True, slots=True)
class CheckVerdict:
    """`passed` is None while the check is inconclusive."""

    passed: bool | None
    summary: str
    tensors: tuple[TensorVerdict, ...]


class _Measured(NamedTuple):
    family: TensorFamily
    update: Slope | None  # None: it never moved, at any width
    propagation: Slope | None  # None: it multiplies no activations
    threshold: float

    @property
    def update_passed(self) -> bool | None:
        """Whether its learning rate and multiplier are right."""
        if self.update is None:
            return True
        return Band(-WRONG, -self.threshold, self.threshold, WRONG).judge(self.update.mean)

    @property
    def propagation_passed(self) -> bool | None:
        """Whether its initialisation is right."""
        if self.propagation is None:
            return True
        return PROPAGATION_BANDS[self.family.role].judge(self.propagation.mean)

    @property
    def passed(self) -> bool | None:
        """Both; a failure decides, then doubt."""
        return _all((self.update_passed, self.propagation_passed))


def judge(
    statistics: Iterable[TensorStatistic], shape: ModelShape, optimizer: Optimizer
) -> CheckVerdict:
    """The verdict, tensor by tensor; inconclusive while widths or seeds are missing.

    Seeds that are not there at every width are left out: slopes are taken seed by seed.

    Raises:
        ValueError: if a statistic is of a tensor that the shape does not have.

    """
    grid = complete_grid(statistics, [tensor.name for tensor in shape.tensors])
    if len(grid.widths) < MIN_WIDTHS or len(grid.seeds) < MIN_SEEDS:
        return CheckVerdict(
            None,
            f"not decided yet: {len(grid.seeds)} seeds measured at all of the widths"
            f" {list(grid.widths)}; it takes {MIN_SEEDS} seeds at {MIN_WIDTHS} widths",
            (),
        )
    if overflowed := grid.not_finite():
        return CheckVerdict(
            False,
            f"failed: {overflowed[0]} left the finite numbers within the check's few small"
            " updates: the model overflows at its initialisation",
            (),
        )
    measured = [
        _measure(family, grid, update_threshold(family.role, shape, grid, optimizer))
        for family in tensor_families(shape.tensors)
    ]
    if all(one.update is None for one in measured):
        return CheckVerdict(
            False, "failed: no tensor moved: the loss does not depend on the parameters", ()
        )
    return _verdict(measured, grid, optimizer)


def _measure(family: TensorFamily, grid: Grid, threshold: float) -> _Measured:
    names = [tensor.name for tensor in family.tensors]
    return _Measured(
        family,
        grid.slope(names, Statistic.UPDATE),
        grid.slope(names, Statistic.PROPAGATION) if family.role in PROPAGATION_BANDS else None,
        threshold,
    )


def _verdict(measured: Sequence[_Measured], grid: Grid, optimizer: Optimizer) -> CheckVerdict:
    tensors = tuple(
        TensorVerdict(
            tensor=one.family.name,
            role=one.family.role,
            update_slope=one.update.mean if one.update else None,
            update_interval=one.update.interval if one.update else None,
            propagation_slope=one.propagation.mean if one.propagation else None,
            threshold=one.threshold,
            passed=one.passed,
            words=_words(one, measured, optimizer),
        )
        for one in measured
    )
    seen = f"{optimizer}, widths {grid.widths[0]} to {grid.widths[-1]}, {len(grid.seeds)} seeds"
    failed = [tensor.words for tensor in tensors if tensor.passed is False]
    summary = summarise(
        sorted(failed, key=lambda words: "looks like" not in words),
        [tensor.words for tensor in tensors if tensor.passed is None],
        seen,
        len(tensors),
    )
    return CheckVerdict(_all(tensor.passed for tensor in tensors), summary, tensors)


def _words(one: _Measured, measured: Sequence[_Measured], optimizer: Optimizer) -> str:
    """What was seen of one tensor and, where nothing else explains it, the likely cause."""
    name = one.family.name
    found = [
        (statistic, slope, passed)
        for statistic, slope, passed in (
            (Statistic.UPDATE, one.update, one.update_passed),
            (Statistic.PROPAGATION, one.propagation, one.propagation_passed),
        )
        if slope is not None
    ]
    if not found:
        return f"{name}: never moved, at any width"
    # What failed comes before what is in doubt, and the update before what follows from it.
    statistic, slope, passed = min(found, key=lambda seen: (False, None, True).index(seen[2]))
    if passed:
        return f"{name}: {statistic} slope {slope.mean:+.2f}, as it should be"
    seen = f"{name}: {statistic} {growth(slope.mean)}"
    if passed is None:
        return f"{seen}: between right and wrong"
    if _follows_from_another(one, statistic, measured, optimizer):
        return seen
    return f"{seen}: looks like {cause(optimizer, statistic, one.family.role, slope.mean)}"


def _follows_from_another(
    one: _Measured, statistic: Statistic, measured: Sequence[_Measured], optimizer: Optimizer
) -> bool:
    """Whether another tensor's failure explains this one's, so that it gets no cause of its own.

    A wrong update shows in every later propagation. A hidden initialisation that is wrong while
    the hidden updates are right changes what reaches the readout. Under SGD the size of gradients
    counts: a wrong readout initialisation shows in hidden propagations, and gradients that change
    already at the input tensors, which have no fan-in, change everywhere.
    """
    role, by_sgd = one.family.role, optimizer is Optimizer.SGD
    updates = {m.family.role for m in measured if m.update_passed is False}
    propagations = {m.family.role for m in measured if m.propagation_passed is False}
    if statistic is Statistic.PROPAGATION and role is Role.HIDDEN:
        return bool(updates - {Role.OUTPUT}) or (by_sgd and Role.OUTPUT in propagations)
    if statistic is Statistic.PROPAGATION:
        return bool(updates)
    if by_sgd and Role.INPUT in updates:
        return role is not Role.INPUT
    return role is Role.OUTPUT and Role.HIDDEN in propagations and Role.HIDDEN not in updates


def _all(passed: Iterable[bool | None]) -> bool | None:
    """False if any is False, else None if any is None, else True."""
    seen = set(passed)
    return False if False in seen else None if None in seen else True
