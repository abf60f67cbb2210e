"""Judge whether a few updates move activations by the same amount at every width.

Judges the statistics of `coordinate_statistics` by their slopes. Passing is necessary for the
learning rate to transfer, not sufficient.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from parametrization.check.measured import (
    CheckVerdict,
    Measured,
    TensorVerdict,
    all_passed,
    decisive,
)
from parametrization.check.sentences import words_on
from parametrization.check.slopes import (
    Grid,
    TensorStatistic,
    activation_kind,
    as_readout_name,
    complete_grid,
    tensor_cells,
)
from parametrization.check.thresholds import (
    INITIAL_BAND,
    LAZY,
    UNALIGNED,
    VANISHING_BAND,
    Band,
    Judged,
    activation_bands,
    powers_of_fan_in,
    propagation_band,
    role_of_activation,
    update_band,
)
from parametrization.check.words import BETWEEN, DISAGREE, Statistic, summarise, with_origin
from parametrization.optimizers.lookup import width_row
from parametrization.rules.parametrization import Parametrization
from parametrization.rules.policies import Policies
from parametrization.rules.policy_numbers import EMBEDDING_RATE_EXPONENT
from parametrization.scaling.companions import assignment_of
from parametrization.scaling.tensor_scaling import DEFAULT_POLICIES
from parametrization.shapes.like_tensors import TensorFamily, tensor_families
from parametrization.shapes.roles import ModelShape, Role, TensorShape

__all__ = ["CheckVerdict", "Measured", "TensorStatistic", "TensorVerdict", "decisive", "judge"]

MIN_WIDTHS: Final = 3
MIN_SEEDS: Final = 4  # with two, right rules fail in 6-10 % of checks


def judge(
    statistics: Iterable[TensorStatistic],
    shape: ModelShape,
    optimizer: str,
    policies: Policies = DEFAULT_POLICIES,
) -> CheckVerdict:
    """The verdict, tensor by tensor; inconclusive while widths or seeds are missing.

    Seeds that are not there at every width are left out: slopes are taken seed by seed. Tensors
    that never moved leave it inconclusive; tensors without statistics are frozen, and listed.

    Args:
        policies: that the numbers under test follow. Lookup tables that are asked to move less in
            wider models are judged by how far they do.

    Raises:
        ValueError: if a statistic is of a tensor that the shape does not have.

    """
    cells = tensor_cells(statistics)
    tensors = checked_tensors(shape, dict.fromkeys(cell.name for cell in cells))
    grid = complete_grid(cells, [tensor.name for tensor in tensors])
    if undecided := too_little(grid, "widths"):
        return undecided
    families = tensor_families(t for t in tensors if t.name not in grid.frozen)
    measured = [_measured(family, shape, grid, optimizer, policies) for family in families]
    seen = f"widths {grid.sizes[0]} to {grid.sizes[-1]}, {len(grid.seeds)} seeds"
    words = [words_on(one, measured, optimizer, grid) for one in measured]
    frozen = tensor_families(t for t in tensors if t.name in grid.frozen)
    return verdict(measured, words, f"{with_origin(optimizer)}, {seen}", frozen)


def is_open(verdict: CheckVerdict) -> bool:
    """True if slopes leave it undecided, which more seeds may settle."""
    return verdict.passed is None and any(
        tensor.passed is None and tensor.words.endswith((BETWEEN, DISAGREE))
        for tensor in verdict.tensors
    )


def checked_tensors(shape: ModelShape, seen: Collection[str]) -> list[TensorShape]:
    """The model's tensors, tables a second time where they are read as logits, and activations."""
    tables = [t for t in shape.tensors if t.tied or as_readout_name(t.name) in seen]
    readouts = [
        replace(
            table,
            name=as_readout_name(table.name),
            role=Role.OUTPUT,
            fan_in_axis=table.fan_out_axis,
            fan_out_axis=table.fan_in_axis,
        )
        for table in tables
    ]
    activations = [
        TensorShape(name, role_of_activation(name), (), (), None, None)
        for name in seen
        if activation_kind(name) is not None
    ]
    return [*shape.tensors, *readouts, *activations]


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


def verdict(
    measured: Sequence[Measured],
    words: Sequence[str],
    seen: str,
    frozen: Sequence[TensorFamily] = (),
) -> CheckVerdict:
    """The records of a check, with a summary that names likely causes first."""
    tensors = tuple(_tensor_verdict(one, text) for one, text in zip(measured, words, strict=True))
    failed = [tensor.words for tensor in tensors if tensor.passed is False]
    summary = summarise(
        sorted(failed, key=lambda text: "looks like" not in text),
        [tensor.words for tensor in tensors if tensor.passed is None],
        seen,
        sum(activation_kind(tensor.tensor) is None for tensor in tensors),
        [family.name for family in frozen],
    )
    listed = tuple(_frozen(family) for family in frozen)
    return CheckVerdict(
        all_passed(tensor.passed for tensor in tensors), summary, (*tensors, *listed)
    )


def _measured(
    family: TensorFamily, shape: ModelShape, grid: Grid, optimizer: str, policies: Policies
) -> Measured:
    names = [tensor.name for tensor in family.tensors]
    still = tuple(name for name in names if grid.rested(name))
    unused = tuple(name for name in names if name in grid.unused)
    if kind := activation_kind(family.name):
        bands = activation_bands(kind, shape)
        judged = _judged_activation(names, grid, bands)
        widest = max(band.pass_high for band in bands.values())
        return Measured(family, tuple(judged), widest)
    band = update_band(family, shape, grid, optimizer)
    judged = _judged(family, grid, optimizer, band, policies)
    return Measured(family, tuple(judged), band.pass_high, still, unused)


def _judged_activation(
    names: Sequence[str], grid: Grid, bands: Mapping[Statistic, Band]
) -> Iterable[Judged]:
    for statistic, band in bands.items():
        if (slope := grid.slope(names, statistic)) is not None:
            yield band.judged(statistic, slope)


def _judged(
    family: TensorFamily, grid: Grid, optimizer: str, update: Band, policies: Policies
) -> Iterable[Judged]:
    names = [tensor.name for tensor in family.tensors]
    first = family.tensors[0]
    # A bias that the model itself starts at 1/sqrt(width) starts at zero in the limit; blocks on a
    # diagonal leave ever more of the matrix zero.
    vanishes = first.kept and (not first.fan_in_axes or first.role is Role.VECTOR)
    bands = {
        Statistic.UPDATE: update,
        Statistic.INITIAL: VANISHING_BAND if vanishes else INITIAL_BAND,
    }
    reads = propagation_band(first)
    if reads is not None and not any(t.tied for t in family.tensors):
        bands[Statistic.PROPAGATION] = reads
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
        slope, band = slope.less(due), bands[statistic]
        judged = band.judged(statistic, slope)
        if statistic is Statistic.UPDATE and judged.passed is not True:
            yield _judged_further(judged, band, names, grid, due)
        else:
            yield judged


def _judged_further(
    judged: Judged, band: Band, names: Sequence[str], grid: Grid, due: float
) -> Judged:
    """A slope of D that is wrong or in doubt, by wide models or by its aligned part.

    D falls like a random sum, width^-0.5, as long as fan-ins are too narrow for what the entries of
    an update have in common to show. A rule that is wrong by a power of width is so in both parts.
    """
    last = grid.slope(names, Statistic.UPDATE, widest=2)
    assert last is not None
    if judged.passed is None and band.fades(judged.slope, last.less(due)):
        return band.judged(judged.statistic, judged.slope, last.less(due))
    if judged.slope.mean >= 0:
        return judged
    if (aligned := grid.slope(names, Statistic.ALIGNED)) is not None:
        by_aligned = band.judged(judged.statistic, aligned.less(due))
        if by_aligned.passed not in (False, judged.passed):
            return by_aligned._replace(slope=judged.slope, aligned=by_aligned.slope)
    if judged.passed is False and judged.slope.mean > LAZY and _is_unaligned(names, grid):
        return judged._replace(passed=None, is_unaligned=True)
    return judged


def _is_unaligned(names: Sequence[str], grid: Grid) -> bool:
    """True if D is next to nothing but a random sum."""
    measured = [name for name in names if (name, Statistic.ALIGNED) in grid.values]
    aligned, whole = (
        sum(float((grid.values[name, statistic] ** 2).sum()) for name in measured)
        for statistic in (Statistic.ALIGNED, Statistic.UPDATE)
    )
    return bool(measured) and aligned < UNALIGNED * whole


def _update_exponent(tensor: TensorShape, policies: Policies) -> float:
    """Exponent of width in D: 0 but for lookup tables, as themselves or as a tied readout."""
    is_table = tensor.role is Role.INPUT and tensor.is_table
    return EMBEDDING_RATE_EXPONENT[policies.embedding_lr_rule] if is_table or tensor.tied else 0.0


def _initial_exponent(tensor: TensorShape, optimizer: str) -> float:
    """Exponent of width in the initial size times the forward multiplier."""
    if not tensor.fan_in_grows:
        return 0.0
    trained_by = assignment_of(optimizer).optimizer_of(tensor)
    rule = width_row(Parametrization.MUP, trained_by, tensor.role).scaling
    return (rule.init_std + rule.multiplier) * powers_of_fan_in(tensor)


def _tensor_verdict(one: Measured, words: str) -> TensorVerdict:
    update, propagation, initial = map(
        one.of, (Statistic.UPDATE, Statistic.PROPAGATION, Statistic.INITIAL)
    )
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


def _frozen(family: TensorFamily) -> TensorVerdict:
    return TensorVerdict(
        tensor=family.name,
        role=family.role,
        update_slope=None,
        update_interval=None,
        propagation_slope=None,
        threshold=0.0,
        passed=True,
        words=f"{family.name}: frozen, not checked",
    )
