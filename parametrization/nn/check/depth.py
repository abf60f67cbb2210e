"""Check that a few updates move activations by the same amount at every depth.

Two statistics beside the initial sizes: D of every tensor inside the residual blocks, averaged
over the blocks, which shows wrong rates; and the change of the stream behind the last block, which
shows a wrong branch multiplier. Neither shows the fault that the other does.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from parametrization.check.slopes import (
    RESIDUAL_STREAM,
    Cell,
    Grid,
    complete_grid,
)
from parametrization.check.thresholds import INITIAL_BAND, STREAM_BAND, Judged, depth_band
from parametrization.check.usual_settings import UPDATES
from parametrization.check.verdict import (
    CheckVerdict,
    Measured,
    decisive,
    too_little,
    verdict,
)
from parametrization.check.words import (
    DEPTH_INITIAL,
    DEPTH_UPDATE_FALLS,
    DEPTH_UPDATE_GROWS,
    STREAM_FALLS,
    STREAM_GROWS,
    Statistic,
    growth,
    sized_by_gradient,
)
from parametrization.nn.check.checked_run import CheckedRun, CheckedTraining
from parametrization.nn.check.settings import uncompiled
from parametrization.scaling.tensor_scaling import TensorScaling
from parametrization.shapes.like_tensors import TensorFamily, family_pattern
from parametrization.shapes.roles import ModelShape, Role, TensorShape


class DepthStatistic(NamedTuple):
    """The like tensors of all blocks (or the stream they leave) at one depth and seed."""

    tensors: str
    role: Role
    depth: int
    seed: int
    update_rms: float
    initial_rms: float | None


@uncompiled
def depth_statistics(
    training: CheckedTraining,
    scalings: Sequence[TensorScaling],
    shape: ModelShape,
    *,
    depth: int,
    seeds: Iterable[int],
    steps: int = UPDATES,
) -> list[DepthStatistic]:
    """Statistics of every kind of tensor in the blocks of a model of this depth.

    Args:
        scalings: of the rule under test; the branch multipliers are set by `training.start`.
        shape: of this depth, its tensors in blocks marked.

    Raises:
        ValueError: if the shape marks no tensor as in a block, or none follows the last one.

    """
    families = block_families(shape)
    reader = _after_blocks(shape)
    found = []
    for seed in seeds:
        run = CheckedRun(training, scalings, zero_readout=True, seed=seed)
        run.train(steps)
        updates, initial = run.update_rms(), run.initial_rms()
        for family in families:
            names = [tensor.name for tensor in family.tensors]
            moved = [updates.get(name) or 0.0 for name in names]
            sizes = [initial.get(name, 0.0) for name in names]
            means = (sum(values) / len(names) for values in (moved, sizes))
            found.append(DepthStatistic(family.name, family.role, depth, seed, *means))
        stream = run.stream_rms(reader)
        found.append(DepthStatistic(RESIDUAL_STREAM, Role.SCALAR, depth, seed, stream, None))
    return found


def judge_depth(statistics: Iterable[DepthStatistic], optimizer: str) -> CheckVerdict:
    """The verdict, by kind of tensor; inconclusive while depths or seeds are missing."""
    given = list(statistics)
    roles = {s.tensors: s.role for s in given}
    grid = complete_grid(_cells(given), list(roles))
    if undecided := too_little(grid, "depths"):
        return undecided
    measured = [_measured(name, role, grid, optimizer) for name, role in roles.items()]
    seen = f"{optimizer}, depths {grid.sizes[0]} to {grid.sizes[-1]}, {len(grid.seeds)} seeds"
    rates_wrong = any(
        one.passed is False and one.family.name != RESIDUAL_STREAM for one in measured
    )
    words = [_words(one, optimizer, rates_wrong=rates_wrong) for one in measured]
    return verdict(measured, words, seen)


def block_families(shape: ModelShape) -> tuple[TensorFamily, ...]:
    """Like tensors of all blocks.

    Raises:
        ValueError: if no tensor is in a block.

    """
    inside = [tensor for tensor in shape.tensors if tensor.in_block]
    if not inside:
        raise ValueError(
            "no tensor is in a residual block: make x + f(x) a"
            " parametrization.nn.layers.Residual(f),"
            " or name the blocks when the shape is derived (blocks=['blocks.*'])"
        )
    kinds: dict[tuple[str, Role], list[TensorShape]] = {}
    for tensor in inside:
        kinds.setdefault((family_pattern(tensor.name), tensor.role), []).append(tensor)
    return tuple(TensorFamily(name, role, tuple(of)) for (name, role), of in kinds.items())


def _after_blocks(shape: ModelShape) -> str:
    """The first parameter behind the last block: its layer reads the stream."""
    last = max(at for at, tensor in enumerate(shape.tensors) if tensor.in_block)
    if last + 1 == len(shape.tensors):
        raise ValueError(
            f"no parameter follows {shape.tensors[last].name}, the last one in a block: the check"
            " reads the residual stream where a final norm or a readout does"
        )
    return shape.tensors[last + 1].name


def _cells(statistics: Iterable[DepthStatistic]) -> Iterable[Cell]:
    for s in statistics:
        yield Cell(s.tensors, s.depth, s.seed, Statistic.UPDATE, s.update_rms)
        if s.initial_rms is not None:
            yield Cell(s.tensors, s.depth, s.seed, Statistic.INITIAL, s.initial_rms)


def _measured(name: str, role: Role, grid: Grid, optimizer: str) -> Measured:
    update = STREAM_BAND if name == RESIDUAL_STREAM else depth_band(optimizer)
    judged = [
        Judged(statistic, slope, band.judge(slope))
        for statistic, band in ((Statistic.UPDATE, update), (Statistic.INITIAL, INITIAL_BAND))
        if (slope := grid.slope([name], statistic)) is not None
    ]
    return Measured(TensorFamily(name, role, ()), tuple(judged), update.pass_high)


def _words(one: Measured, optimizer: str, *, rates_wrong: bool) -> str:
    name, found = one.family.name, decisive(one)
    if found is None or (found.passed and one.of(Statistic.UPDATE) is None):
        return f"{name}: never moved, at any depth"
    if found.passed:
        return f"{name}: {found.statistic} slope {found.slope.mean:+.2f}, as it should be"
    seen = f"{name}: {found.statistic} {growth(found.slope.mean, 'depth')}"
    if found.passed is None:
        return f"{seen}: between right and wrong"
    if name == RESIDUAL_STREAM and rates_wrong:
        return seen  # it follows what the blocks do
    return f"{seen}: looks like {_cause(name, found, optimizer)}"


def _cause(name: str, found: Judged, optimizer: str) -> str:
    grows = found.slope.mean > 0
    if name == RESIDUAL_STREAM:
        return STREAM_GROWS if grows else STREAM_FALLS
    if found.statistic is Statistic.INITIAL:
        return DEPTH_INITIAL
    return DEPTH_UPDATE_GROWS if grows else DEPTH_UPDATE_FALLS[sized_by_gradient(optimizer)]
