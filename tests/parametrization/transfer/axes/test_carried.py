"""A rate is carried along measured axes by their laws, and along no others."""

import math
from collections.abc import Callable
from itertools import product

import pytest

from parametrization.recommendation.axes import AxesEvidence, CellOptimum
from parametrization.recommendation.evidence import Optimum
from parametrization.scaling.growth import AxisName
from parametrization.transfer.axes.carried import Place, axes_evidence, beyond, carried

BASE = Place(depth=2, batch_size=16, tokens=6400)


def cell(place: Place, rate: float, *, rule: float = 0.0, status: str = "measured") -> CellOptimum:
    optimum = Optimum.model_validate(
        {
            "status": status,
            "log2_learning_rate": rate,
            "standard_error_octaves": 0.05,
            "trials": 10,
            "rates": 5,
            "seeds": 2,
        }
    )
    depth, batch_size, tokens = place
    return CellOptimum(
        depth=depth, batch_size=batch_size, tokens=tokens, rule_octaves=rule, optimum=optimum
    )


def swept(law: Callable[[Place], float], rule: Callable[[Place], float]) -> AxesEvidence:
    """Three depths, and three batches crossed with three durations, under a rule."""
    places = {Place(depth, 16, 6400) for depth in (2, 4, 8)}
    places |= {Place(2, b, t) for b, t in product((16, 32, 64), (6400, 12800, 25600))}
    cells = [cell(at, law(at) - rule(at), rule=rule(at)) for at in places]
    return axes_evidence(32, BASE, cells)


def law(at: Place) -> float:
    """Half a power of the batch, a third of the tokens, and an eighth of an octave a depth."""
    doublings = [math.log2(of / base) for of, base in zip(at, BASE, strict=True)]
    return -5.0 - 0.125 * doublings[0] + 0.5 * doublings[1] - doublings[2] / 3


@pytest.mark.parametrize("tokens_power", [0.0, -0.5])
def test_what_is_carried_ends_where_the_law_does_whatever_the_rule(tokens_power: float) -> None:
    """The rule's own factor is on top of it: together they are the law."""

    def rule(at: Place) -> float:
        return tokens_power * math.log2(at.tokens / BASE.tokens)

    evidence, target = swept(law, rule), Place(2, 16, 4 * 25600)
    by_rule = rule(target)
    found = carried(evidence, target, {"depth": 0.0, "batch": 0.0, "tokens": by_rule})
    assert found.octaves + by_rule == pytest.approx(law(target) - law(BASE), abs=0.1)
    assert abs(found.octaves + by_rule - law(target) + law(BASE)) < 1.645 * found.error_octaves


@pytest.mark.parametrize(("by_rule", "octaves"), [(False, -0.5), (True, -0.35)])
def test_depth_is_carried_beside_what_its_rule_does(by_rule: bool, octaves: float) -> None:
    """A rule is believed more than few cells: what they say beside it counts in part."""
    places = [Place(depth, 16, 6400) for depth in (2, 4, 8)]
    evidence = axes_evidence(32, BASE, [cell(at, law(at)) for at in places], depth_by_rule=by_rule)
    zero: dict[AxisName, float] = {"depth": 0.0, "batch": 0.0, "tokens": 0.0}
    found = carried(evidence, BASE._replace(depth=32), zero)
    assert found.octaves == pytest.approx(octaves, abs=0.06)
    assert abs(found.octaves + 0.5) < 1.645 * found.error_octaves < 1.2


def test_an_axis_without_three_measured_values_is_left_to_its_rule() -> None:
    places = [Place(2, 16, tokens) for tokens in (6400, 12800, 25600)]
    cells = [cell(at, law(at)) for at in places]
    cells.append(cell(Place(2, 64, 6400), -1.0, status="inconclusive"))
    evidence = axes_evidence(32, BASE, cells)
    assert [one.name for one in evidence.laws] == ["tokens"]
    zero: dict[AxisName, float] = {"depth": 0.0, "batch": 1.0, "tokens": 0.0}
    other = carried(evidence, Place(8, 64, 6400), zero)
    assert (other.octaves, other.error_octaves) == (0.0, 0.0)


def test_what_was_measured_is_told_with_its_error_and_its_ends() -> None:
    evidence = swept(law, lambda _: 0.0)
    laws = {one.name: one for one in evidence.laws}
    assert laws["tokens"].exponent == pytest.approx(-1 / 3, abs=0.1)
    assert laws["batch"].exponent == pytest.approx(0.5, abs=0.1)
    assert -0.125 < laws["depth"].exponent < -0.05
    assert laws["tokens"].values == (6400, 12800, 25600)
    assert beyond(laws["tokens"], 51200) == 2
    assert beyond(laws["tokens"], 3200) == 2
    assert beyond(laws["tokens"], 12000) == 1
