"""The law of batch and tokens recovers the laws that optima were drawn from."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parametrization.transfer.axes.horizon_law import HorizonLaw, Seen

DOUBLINGS = (0.0, 1.0, 2.0)
Z90 = 1.645


def octaves(
    batch: float, tokens: float, *, t: float, low: float, high: float, knee: float, growth: float
) -> float:
    """log2 of the best rate by a law with these numbers."""
    bent = math.log2(1 + 2.0 ** (batch - knee - growth * tokens))
    return t * tokens + low * batch + (high - low) * bent


laws = st.fixed_dictionaries(
    {
        "t": st.floats(-0.5, 0.1),
        "low": st.floats(0.4, 0.9),
        "high": st.floats(-0.05, 0.25),
        "knee": st.floats(-2.0, 5.0),
        "growth": st.floats(0.2, 0.9),
    }
)


def seen(law: dict[str, float], error: float = 0.05) -> list[Seen]:
    """Three batches crossed with three durations, without any noise."""
    return [
        Seen(batch, tokens, -5.0 + octaves(batch, tokens, **law), error)
        for batch in DOUBLINGS
        for tokens in DOUBLINGS
    ]


@given(law=laws, batch=st.floats(0, 2), tokens=st.floats(0, 2))
@settings(max_examples=60, derandomize=True, deadline=None)
def test_within_what_was_measured_the_rate_is_found(
    law: dict[str, float], batch: float, tokens: float
) -> None:
    found = HorizonLaw(seen(law)).move(batch, tokens)
    assert found.mean == pytest.approx(
        octaves(batch, tokens, **law) - octaves(0, 0, **law), abs=0.15
    )
    assert found.deviation < 0.2


@given(law=laws, batch=st.floats(-2, 4), tokens=st.floats(-1, 5))
@settings(max_examples=60, derandomize=True, deadline=None)
def test_the_interval_holds_the_rate_of_targets_four_and_eight_times_beyond(
    law: dict[str, float], batch: float, tokens: float
) -> None:
    found = HorizonLaw(seen(law)).move(batch, tokens)
    true = octaves(batch, tokens, **law) - octaves(0, 0, **law)
    assert abs(found.mean - true) <= Z90 * found.deviation


@given(law=laws, shift=st.floats(-20, 20), data=st.data())
@settings(max_examples=20, derandomize=True, deadline=None)
def test_neither_the_zero_of_rates_nor_the_order_of_cells_matters(
    law: dict[str, float], shift: float, data: st.DataObject
) -> None:
    cells = seen(law)
    moved = [one._replace(octaves=one.octaves + shift) for one in cells]
    shuffled = data.draw(st.permutations(moved))
    here, there = HorizonLaw(cells).move(3, 3), HorizonLaw(shuffled).move(3, 3)
    assert there.mean == pytest.approx(here.mean, abs=1e-6)
    assert there.deviation == pytest.approx(here.deviation, abs=1e-6)


def test_the_exponent_of_tokens_changes_its_sign_at_the_critical_batch() -> None:
    law = {"t": -0.3, "low": 0.7, "high": 0.05, "knee": 2.0, "growth": 0.8}
    found = HorizonLaw(
        [
            Seen(batch, tokens, octaves(batch, tokens, **law), 0.05)
            for batch in (-2.0, 0.0, 2.0, 4.0, 6.0)
            for tokens in DOUBLINGS
        ]
    )
    assert found.exponent(-2, 0, along="tokens").mean == pytest.approx(-0.3, abs=0.1)
    assert found.exponent(7, 0, along="tokens").mean == pytest.approx(0.22, abs=0.1)
    assert found.knee.mean == pytest.approx(2.0, abs=1.0)
    assert found.knee.deviation < 1.5


def test_one_axis_alone_is_fitted_too_and_more_cells_make_it_surer() -> None:
    few = [Seen(0.0, tokens, -0.4 * tokens, 0.05) for tokens in (0.0, 1.0)]
    more = [*few, Seen(0.0, 2.0, -0.8, 0.05), Seen(0.0, 3.0, -1.2, 0.05)]
    spreads = [HorizonLaw(cells).move(0.0, 3.0).deviation for cells in ([], few, more)]
    assert spreads == sorted(spreads, reverse=True)
    assert HorizonLaw(more).move(0.0, 3.0).mean == pytest.approx(-1.2, abs=0.1)


def test_without_cells_the_published_exponents_are_expected_within_their_spread() -> None:
    tokens, batch = HorizonLaw([]).move(0.0, 1.0), HorizonLaw([]).move(-1.0, 0.0)
    assert abs(tokens.mean) < Z90 * tokens.deviation
    assert -0.9 < batch.mean < 0


def test_a_noisier_cell_counts_less() -> None:
    line = [Seen(0.0, tokens, -0.4 * tokens, 0.05) for tokens in (0.0, 1.0, 2.0)]
    off = Seen(0.0, 3.0, 0.4, 0.05)
    sure, doubtful = HorizonLaw([*line, off]), HorizonLaw([*line, off._replace(error=1.0)])
    true = -1.2
    assert abs(doubtful.move(0, 3).mean - true) < abs(sure.move(0, 3).mean - true)
