"""How the optimum of one optimizer moves with width."""

import pytest

from parametrization.rules.parametrization import Parametrization
from tests.tuner.builders import GRID, Trials, measured, searched, snapshot, surface
from tuner.evidence.sensitivity import sensitivity
from tuner.evidence.transfer import summarise_transfer
from tuner.spec.states import Purpose

ADAMW = "adamw"
MUP, SP = Parametrization.MUP, Parametrization.SP
ASKED = {"proxy_width": 32, "target_width": 256}


def test_search_trials_are_compared_with_no_wider_width_for_their_seeds_differ() -> None:
    trials = Trials(surface()).search(GRID).measure(widths=(64,))

    evidence = summarise_transfer(
        sensitivity(snapshot(trials)), ADAMW, MUP, proxy_width=32, target_width=256
    )

    assert [at.width for at in evidence.optima] == [32, 64]
    assert evidence.wider_is_better is None
    assert evidence.proxy_regret is not None


def test_under_mup_the_optimum_stays_and_under_the_control_it_moves() -> None:
    widths = (32, 64, 128, 256)
    everything = snapshot(
        searched()
        .measure(widths)
        .measure(widths, [float(rate) for rate in range(-12, -1)], purpose=Purpose.CONTROL)
    )

    mup = summarise_transfer(sensitivity(everything), ADAMW, MUP, **ASKED)
    sp = summarise_transfer(sensitivity(everything), ADAMW, SP, **ASKED)

    assert mup.shift_octaves == pytest.approx(0.0, abs=0.3)
    assert sp.shift_octaves == pytest.approx(-3.0, abs=0.3)
    assert mup.shift_doublings == sp.shift_doublings == 3
    assert mup.proxy_regret is not None
    assert sp.proxy_regret is not None
    assert mup.proxy_regret.regret_percent == pytest.approx(0.0, abs=0.3)
    assert sp.proxy_regret.regret_percent == pytest.approx(20, abs=5)
    assert mup.wider_is_better is not None
    assert sp.wider_is_better is not None
    assert mup.wider_is_better.share == 1.0
    assert sp.wider_is_better.share < 0.8


def test_without_trials_there_is_no_evidence() -> None:
    nothing = summarise_transfer(
        sensitivity(snapshot()), ADAMW, MUP, proxy_width=32, target_width=256
    )

    assert nothing.optima == ()
    assert nothing.drift is None
    assert nothing.shift_octaves is None
    assert nothing.regrets == ()
    assert nothing.leave_widest_out is None
    assert nothing.wider_is_better is None


def test_a_shift_waits_for_both_ends_to_be_measured() -> None:
    on_the_edge = measured(surface(drift=2.0))

    evidence = summarise_transfer(
        sensitivity(on_the_edge), ADAMW, MUP, proxy_width=32, target_width=256
    )

    assert evidence.optima[-1].optimum.status == "inconclusive"
    assert evidence.shift_octaves is None
    assert evidence.proxy_regret is None
