"""Group and fit the trials of a study's sweep over depth, batch and tokens."""

import math
from collections.abc import Mapping, Sequence

from parametrization.optimizers.lookup import horizon_row
from parametrization.recommendation.axes import AxesEvidence, CellOptimum
from parametrization.recommendation.evidence import Optimum
from parametrization.rules.depth import DepthRule
from parametrization.shapes.roles import ModelShape
from parametrization.transfer.axes.carried import Place, axes_evidence, expected_octaves
from parametrization.transfer.optimum import fit_optimum
from tuner.evidence.axes.rules import covered, trained_by
from tuner.evidence.sensitivity import has_result
from tuner.records.snapshot import StudySnapshot
from tuner.records.trials import TrialGroup, TrialRecord
from tuner.spec.axes.cell import Cell
from tuner.spec.optimizers.name import Optimizer
from tuner.spec.states import Purpose, StateReason
from tuner.spec.study import StudySpec
from tuner.spec.target import Proxies

_DIGITS = 9
"""Decimals that rates are rounded to: 2 ** x and log2 need not undo each other to the last bit."""


def swept_axes(
    snapshot: StudySnapshot, optimizer: Optimizer, own: Optimum | None
) -> AxesEvidence | None:
    """Optima and laws from the sweep of one optimizer; None while no trial has a result.

    Args:
        own: the optimum of the proxies themselves.

    """
    spec, tried = snapshot.study.spec, snapshot.trials.of(Purpose.AXIS, optimizer)
    optima = tried.answer(_optima)
    if not optima:
        return None
    cells = [
        CellOptimum(
            depth=cell.depth,
            batch_size=cell.batch_size,
            tokens=_tokens(spec, cell),
            rule_octaves=rule_octaves(spec, optimizer, cell),
            optimum=optimum,
        )
        for cell, optimum in optima
    ]
    base = place_of(spec.proxies)
    if own is not None and own.status != "unknown":
        cells.append(CellOptimum(**base._asdict(), rule_octaves=0.0, optimum=own))
    ruled = spec.policies.depth_rule is not DepthRule.NONE
    return axes_evidence(spec.proxy_width, base, cells, depth_by_rule=ruled)


def place_of(proxies: Proxies) -> Place:
    """Depth, batch and tokens of the proxies."""
    return Place(proxies.depth, proxies.batch_size, proxies.tokens)


def by_the_rules(
    spec: StudySpec, optimizer: Optimizer, shape: ModelShape, numbers: Mapping[str, float]
) -> tuple[Cell, ...]:
    """The cells of a study's sweep, with the batch and token multipliers that the rules cover."""
    by, proxies = trained_by(optimizer, shape, numbers), spec.proxies
    cells = []
    for cell in spec.cells:
        ratio = _tokens(spec, cell) / proxies.tokens
        found = covered(spec.policies, by, cell.batch_size / proxies.batch_size, ratio)
        mults = {"batch_multiplier": found.batch, "token_multiplier": found.tokens}
        cells.append(cell.model_copy(update=mults))
    return tuple(cells)


def rule_octaves(spec: StudySpec, optimizer: Optimizer, cell: Cell) -> float:
    """log2 of the factor by which the rules of batch and tokens change the rate in a cell."""
    mults = cell.batch_multiplier, cell.token_multiplier
    return math.log2(horizon_row(spec.policies.horizon_rule, optimizer, *mults).rate.of(*mults))


def expected_rate(spec: StudySpec, optimizer: Optimizer, cell: Cell, own: float) -> float:
    """log2 of the base rate around which a cell is first tried.

    Args:
        own: log2 of the proxies' best rate.

    """
    proxies = spec.proxies
    expected = expected_octaves(
        math.log2(cell.batch_size / proxies.batch_size),
        math.log2(_tokens(spec, cell) / proxies.tokens),
    )
    return own + expected - rule_octaves(spec, optimizer, cell)


def trials_in(tried: TrialGroup, cell: Cell) -> TrialGroup:
    """The trials of one cell."""
    return TrialGroup(one for one in tried if one.cell and one.cell.place == cell.place)


def _optima(trials: Sequence[TrialRecord]) -> tuple[tuple[Cell, Optimum], ...]:
    """Optimum of every cell with a result."""
    points: dict[Cell, list[tuple[float, float | None]]] = {}
    seeds: dict[Cell, set[int]] = {}
    for trial in trials:
        if trial.cell is None or not has_result(trial):
            continue
        loss = None if trial.state_reason is StateReason.DIVERGED else trial.value
        rate = round(math.log2(trial.hyperparameters["learning_rate"]), _DIGITS)
        points.setdefault(trial.cell, []).append((rate, loss))
        seeds.setdefault(trial.cell, set()).add(trial.seed)
    return tuple(
        (cell, fit_optimum(of).model_copy(update={"seeds": len(seeds[cell])}))
        for cell, of in sorted(points.items(), key=lambda item: item[0].place)
    )


def _tokens(spec: StudySpec, cell: Cell) -> int:
    return cell.steps * cell.batch_size * spec.family.tokens_per_example
