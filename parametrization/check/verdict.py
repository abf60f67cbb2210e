"""Judge whether a few updates move activations by the same amount at every width.

Judges the statistics of `coordinate_statistics` by their slopes. Passing is necessary for the
learning rate to transfer, not sufficient.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from parametrization.check.causes import likely_cause
from parametrization.check.slopes import (
    ATTENTION_LOGITS,
    Grid,
    InitialStatistic,
    Slope,
    TensorStatistic,
    as_readout_name,
    complete_grid,
    tensor_cells,
)
from parametrization.check.thresholds import (
    INITIAL_BAND,
    PROPAGATION_BANDS,
    Band,
    Judged,
    update_band,
)
from parametrization.check.words import (
    Statistic,
    doubt,
    growth,
    summarise,
    with_origin,
)
from parametrization.optimizers.lookup import width_row
from parametrization.rules.parametrization import Parametrization
from parametrization.rules.policies import Policies
from parametrization.rules.policy_numbers import EMBEDDING_RATE_EXPONENT
from parametrization.scaling.companions import assignment_of
from parametrization.scaling.tensor_scaling import DEFAULT_POLICIES
from parametrization.shapes.like_tensors import TensorFamily, tensor_families
from parametrization.shapes.roles import ModelShape, Role, TensorShape

__all__ = ["CheckVerdict", "TensorStatistic", "TensorVerdict", "judge"]

MIN_WIDTHS: Final = 3
MIN_SEEDS: Final = 4  # with two, right rules fail in 6-10 % of checks


@dataclass(frozen=True, slots=True)
class TensorVerdict:
    """One tensor, or the like tensors of all blocks (`blocks.*.attn.out.weight`).

    Attributes:
        update_slope: of D, less what the policies say; 0 under a right rule. None if nothing moved.
        update_interval: 95 % bootstrap interval over seeds.
        propagation_slope: of P; None for tensors that multiply no activations.
        threshold: largest |update_slope| that passes.
        passed: None if inconclusive.
        initial_slope: of the initial size, less what the rule says; None if it was not measured.

    """

    tensor: str
    role: Role
    update_slope: float | None
    update_interval: tuple[float, float] | None
    propagation_slope: float | None
    threshold: float
    passed: bool | None
    words: str
    initial_slope: float | None = None


@dataclass(frozen=True, slots=True)
class CheckVerdict:
    """`passed` is None while the check is inconclusive."""

    passed: bool | None
    summary: str
    tensors: tuple[TensorVerdict, ...]


class Measured(NamedTuple):
    """All slopes of one family of tensors; those that are not defined are left out."""

    family: TensorFamily
    judged: tuple[Judged, ...]
    threshold: float

    def of(self, statistic: Statistic) -> Judged | None:
        """The slope of one statistic."""
        return next((j for j in self.judged if j.statistic is statistic), None)

    @property
    def passed(self) -> bool | None:
        """A failure decides, then doubt."""
        return all_passed(j.passed for j in self.judged)


def judge(
    statistics: Iterable[TensorStatistic],
    shape: ModelShape,
    optimizer: str,
    initial: Iterable[InitialStatistic] = (),
    policies: Policies = DEFAULT_POLICIES,
) -> CheckVerdict:
    """The verdict, tensor by tensor; inconclusive while widths or seeds are missing.

    Seeds that are not there at every width are left out: slopes are taken seed by seed.

    Args:
        initial: sizes at step 0; without them a wrong initialisation shows in P alone.
        policies: that the numbers under test follow. Lookup tables that are asked to move less in
            wider models are judged by how far they do.

    Raises:
        ValueError: if a statistic is of a tensor that the shape does not have.

    """
    cells = tensor_cells(statistics, initial)
    tensors = checked_tensors(shape, attention=any(c.name == ATTENTION_LOGITS for c in cells))
    grid = complete_grid(cells, [tensor.name for tensor in tensors])
    if undecided := too_little(grid, "widths"):
        return undecided
    measured = [
        Measured(family, tuple(_judged(family, grid, optimizer, band, policies)), band.pass_high)
        for family in tensor_families(tensors)
        for band in (update_band(family, shape, grid, optimizer),)
    ]
    seen = f"widths {grid.sizes[0]} to {grid.sizes[-1]}, {len(grid.seeds)} seeds"
    words = [_words(one, measured, optimizer) for one in measured]
    return verdict(measured, words, f"{with_origin(optimizer)}, {seen}")


def checked_tensors(shape: ModelShape, *, attention: bool) -> list[TensorShape]:
    """The model's tensors, a tied table a second time, and the attention logits."""
    tied = [
        replace(
            tensor,
            name=as_readout_name(tensor.name),
            role=Role.OUTPUT,
            fan_in_axis=tensor.fan_out_axis,
            fan_out_axis=tensor.fan_in_axis,
        )
        for tensor in shape.tensors
        if tensor.tied
    ]
    logits = [TensorShape(ATTENTION_LOGITS, Role.OUTPUT, (), (), None, None)] if attention else []
    return [*shape.tensors, *tied, *logits]


def too_little(grid: Grid, axis: str) -> CheckVerdict | None:
    """The verdict on a check that cannot be judged by slopes; None if it can."""
    if len(grid.sizes) < MIN_WIDTHS or len(grid.seeds) < MIN_SEEDS:
        return CheckVerdict(
            None,
            f"not decided yet: {len(grid.seeds)} seeds measured at all of the {axis}"
            f" {list(grid.sizes)}; it takes {MIN_SEEDS} seeds at {MIN_WIDTHS} {axis}",
            (),
        )
    if overflowed := grid.not_finite():
        return CheckVerdict(
            False,
            f"failed: {overflowed[0]} left the finite numbers within the check's few small"
            " updates: the model overflows at its initialisation",
            (),
        )
    if not any((v > 0).any() for (_, s), v in grid.values.items() if s is Statistic.UPDATE):
        return CheckVerdict(
            False, "failed: no tensor moved: the loss does not depend on the parameters", ()
        )
    return None


def verdict(measured: Sequence[Measured], words: Sequence[str], seen: str) -> CheckVerdict:
    """The records of a check, with a summary that names likely causes first."""
    tensors = tuple(_tensor_verdict(one, text) for one, text in zip(measured, words, strict=True))
    failed = [tensor.words for tensor in tensors if tensor.passed is False]
    summary = summarise(
        sorted(failed, key=lambda text: "looks like" not in text),
        [tensor.words for tensor in tensors if tensor.passed is None],
        seen,
        len(tensors),
    )
    return CheckVerdict(all_passed(tensor.passed for tensor in tensors), summary, tensors)


def decisive(one: Measured) -> Judged | None:
    """What failed before what is in doubt, and the update before what follows from it."""
    return min(one.judged, key=lambda j: (False, None, True).index(j.passed), default=None)


def all_passed(passed: Iterable[bool | None]) -> bool | None:
    """False if any is False, else None if any is None, else True."""
    seen = set(passed)
    return False if False in seen else None if None in seen else True


def _judged(
    family: TensorFamily, grid: Grid, optimizer: str, update: Band, policies: Policies
) -> Iterable[Judged]:
    names = [tensor.name for tensor in family.tensors]
    bands = {Statistic.UPDATE: update, Statistic.INITIAL: INITIAL_BAND}
    if family.role in PROPAGATION_BANDS and not any(t.tied for t in family.tensors):
        bands[Statistic.PROPAGATION] = PROPAGATION_BANDS[family.role]
    for statistic in Statistic:
        slope = grid.slope(names, statistic)
        unsettled = statistic is Statistic.INITIAL and family.role is Role.GQA_KV
        if slope is None or statistic not in bands or unsettled:
            continue
        due = 0.0
        if statistic is Statistic.INITIAL:
            due = _initial_exponent(family.tensors[0], optimizer)
        elif statistic is Statistic.UPDATE:
            due = _update_exponent(family.tensors[0], policies)
        slope = Slope(slope.mean - due, (slope.interval[0] - due, slope.interval[1] - due))
        yield Judged(statistic, slope, bands[statistic].judge(slope))


def _update_exponent(tensor: TensorShape, policies: Policies) -> float:
    """Of width, in D: 0 but for lookup tables, as themselves or as a tied readout."""
    is_table = tensor.role is Role.INPUT and tensor.is_table
    return EMBEDDING_RATE_EXPONENT[policies.embedding_lr_rule] if is_table or tensor.tied else 0.0


def _initial_exponent(tensor: TensorShape, optimizer: str) -> float:
    """Of width, in the initial size times the forward multiplier."""
    if not tensor.fan_in_grows:
        return 0.0
    trained_by = assignment_of(optimizer).optimizer_of(tensor)
    rule = width_row(Parametrization.MUP, trained_by, tensor.role).scaling
    return rule.init_std + rule.multiplier


def _tensor_verdict(one: Measured, words: str) -> TensorVerdict:
    update, propagation, initial = (one.of(statistic) for statistic in Statistic)
    return TensorVerdict(
        tensor=one.family.name,
        role=one.family.role,
        update_slope=update.slope.mean if update else None,
        update_interval=update.slope.interval if update else None,
        propagation_slope=propagation.slope.mean if propagation else None,
        threshold=one.threshold,
        passed=one.passed,
        words=words,
        initial_slope=initial.slope.mean if initial else None,
    )


def _words(one: Measured, measured: Sequence[Measured], optimizer: str) -> str:
    """What was seen of one tensor and, where nothing else explains it, the likely cause."""
    name, found = one.family.name, decisive(one)
    if found is None or (
        found.passed and one.of(Statistic.UPDATE) is None and name != ATTENTION_LOGITS
    ):
        return f"{name}: never moved, at any width"
    if found.passed:
        return f"{name}: {found.statistic} slope {found.slope.mean:+.2f}, as it should be"
    relative = " of what it should be" if found.statistic is Statistic.INITIAL else ""
    seen = f"{name}: {found.statistic} {growth(found.slope.mean)}{relative}"
    if found.passed is None:
        disagree = _disagree(found, one.threshold)
        return f"{seen}: {doubt(found.statistic, one.family.role, seeds_disagree=disagree)}"
    failures = [(m.family, j) for m in measured for j in m.judged if j.passed is False]
    looks = likely_cause(one.family, found, failures, optimizer)
    return seen if looks is None else f"{seen}: looks like {looks}"


def _disagree(found: Judged, threshold: float) -> bool:
    low, high = found.slope.interval
    return found.statistic is Statistic.UPDATE and high - low > threshold
