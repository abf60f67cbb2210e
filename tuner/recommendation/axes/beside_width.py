"""The rate along depth, batch and tokens: by measurement, or by rules that may disagree."""

import math
from collections.abc import Iterator
from typing import Final, NamedTuple

from parametrization.optimizers.lookup import horizon_row
from parametrization.optimizers.registry import declared
from parametrization.recommendation.axes import AxesEvidence, AxisLaw
from parametrization.recommendation.evidence import Z90
from parametrization.recommendation.target import WholeTarget
from parametrization.recommendation.trust import Axis
from parametrization.rules.horizon import PUBLISHED_TOKEN_EXPONENTS, HorizonRule
from parametrization.rules.policies import Policies
from parametrization.scaling.growth import AxisName
from parametrization.transfer.axes.carried import Place, beyond, carried
from parametrization.transfer.axes.moved import Moved
from tuner.evidence.axes.rules import Horizon, along
from tuner.recommendation.axes.target_axes import TargetAxes
from tuner.spec.optimizers.name import Optimizer

SOURCE: Final = "this study's trials"


class BesideWidth(NamedTuple):
    """The three axes for the rate, and their change of its prediction."""

    axes: tuple[Axis, ...]
    """Other hyperparameters follow the rules' own axes."""
    moved: Moved
    measured: tuple[AxisName, ...]
    """Axes along which the rate follows measurements."""


def beside_width(
    policies: Policies,
    optimizer: Optimizer,
    by_rules: TargetAxes,
    target: WholeTarget,
    evidence: AxesEvidence | None,
) -> BesideWidth:
    """Replace the rules' rows for the rate along the axes that were measured.

    Args:
        optimizer: the one that leads.
        by_rules: the axes as the rules carry everything.
        evidence: of the sweep over axes, if there was one.

    """
    laws = {} if evidence is None else {law.name: law for law in evidence.laws}
    applied = _applied(policies, optimizer, by_rules)
    moving = [axis for axis in by_rules.axes if axis.moves]
    measured = tuple(axis.name for axis in moving if axis.name in laws)
    moved = Moved()
    if evidence is not None and measured:
        place = Place(target.depth, target.batch_size, target.tokens)
        found = carried(evidence, place, applied)
        moved = Moved(found.octaves, found.error_octaves)
    spans = [
        _disagreement(policies, optimizer, axis, applied[axis.name])
        for axis in moving
        if axis.name not in laws
    ]
    below, above = (math.fsum(side) for side in zip(*spans, strict=True)) if spans else (0.0, 0.0)
    axes = tuple(
        _measured(axis, laws[axis.name], evidence)
        if evidence is not None and axis.name in measured
        else axis
        for axis in by_rules.axes
    )
    return BesideWidth(axes, moved._replace(below=below, above=above), measured)


def _applied(
    policies: Policies, optimizer: Optimizer, by_rules: TargetAxes
) -> dict[AxisName, float]:
    """log2 of the rules' factor on the lead's rate, along batch and tokens each."""
    mults = by_rules.multipliers
    found: dict[AxisName, float] = {"depth": 0.0}
    ratios: dict[Horizon, float] = {"batch": mults.batch, "tokens": mults.tokens}
    for name, ratio in ratios.items():
        alone = along(name, ratio)
        row = horizon_row(policies.horizon_rule, optimizer, *alone)
        found[name] = math.log2(row.rate.of(*alone))
    return found


def _disagreement(
    policies: Policies, optimizer: Optimizer, axis: Axis, applied: float
) -> tuple[float, float]:
    """Octaves that published rules reach below and above the one in force, along one axis.

    Rules of depth multiply branches too, by factors of their own: their rates are not compared.
    """
    if axis.name == "depth":
        return 0.0, 0.0
    others = [applied, *_published(optimizer, axis)]
    return applied - min(others), max(others) - applied


def _published(optimizer: Optimizer, axis: Axis) -> Iterator[float]:
    """log2 of the factor of each published rule on the optimizer's rate along an axis."""
    doublings = math.log2(axis.target / axis.proxy)
    rows = declared(optimizer).horizon
    for row in rows.values():
        if axis.name == "batch":
            yield row.rate.batch * doublings
        elif row.covers_tokens:
            yield row.rate.tokens * doublings
    if axis.name == "tokens" and HorizonRule.COMPLETE_D in rows:
        yield from (exponent * doublings for exponent in PUBLISHED_TOKEN_EXPONENTS.values())


def _measured(axis: Axis, law: AxisLaw, evidence: AxesEvidence) -> Axis:
    values = ", ".join(f"{value:,}" for value in law.values)
    error = Z90 * law.standard_error
    if axis.name == "depth":
        says = (
            f"beside {axis.rule} the best rate moves by {law.exponent:+.2f} ± {error:.2f} octaves a"
            " doubling"
        )
    else:
        says = (
            f"the best rate goes like {axis.name}^{law.exponent:+.2f} ± {error:.2f} at the proxies'"
        )
    knee = ""
    if axis.name == "batch" and evidence.critical_batch is not None:
        knee = f"; critical batch about {evidence.critical_batch:.2g}"
    far = beyond(law, axis.target)
    words = f"measured at width {evidence.width}, {axis.name} {values}: {says}{knee}"
    if far > 1:
        words += f"; {far:.3g}x outside of these, by the fitted law"
    rest = f"what else changes follows {axis.rule}"
    if axis.basis == "not_transferable":
        rest = f"nothing else changes: {axis.rule} does not cover it"
    return axis.model_copy(
        update={
            "basis": "measured",
            "source": SOURCE,
            "words": f"{words}; {rest}",
            "rule": "this study's sweep",
            "beyond": far,
        }
    )
