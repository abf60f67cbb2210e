"""The probe: what it concludes from timings, and that its choice is made once."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.workers.specs import TINY_MLP, model_spec, training, trial_spec
from tuner.engine import Done, OrderId, Packing, ProbeOrder
from workers.cohort.cohort import Cohort
from workers.cohort.programs import Programs
from workers.orders import OpenCohort, carry_out
from workers.probe import WORTH_IT, choose, measured_packing, probe
from workers.trial import RunningTrial, new_trial

seconds = st.floats(1e-5, 10.0)


def order(*, trials: int = 4, steps: int = 5_000) -> ProbeOrder:
    return ProbeOrder(
        id=OrderId("ord_probe"),
        study_id="std_test",
        trial=trial_spec(model=model_spec(TINY_MLP), train=training(steps=steps)),
        trials=trials,
    )


@given(solo=seconds, dispatch=seconds, each=seconds, trials=st.integers(8, 64))
def test_trials_are_fused_exactly_where_the_cohort_is_worth_it(
    solo: float, dispatch: float, each: float, trials: int
) -> None:
    points = [(size, dispatch + size * each) for size in (trials // 4, trials)]
    packing = choose(solo, points, "cpu")
    speedup = solo * trials / points[1][1]
    assert packing.speedup == pytest.approx(speedup)
    assert packing.way == ("fused" if speedup >= WORTH_IT else "solo")
    if packing.way == "fused":
        assert 2 <= packing.least <= packing.most == trials
        assert solo * packing.least / (dispatch + packing.least * each) >= 0.999 * WORTH_IT


def test_a_slower_cohort_is_refused_in_words() -> None:
    packing = choose(1.0, [(2, 2.4), (8, 9.0)], "cpu")
    assert packing.words == "solo: together would be 0.9x as fast here"


def test_the_choice_is_made_once_per_machine_and_shape(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = probe(order(), Programs(), tmp_path)
    monkeypatch.setattr(Cohort, "advance", lambda *_: pytest.fail("it was measured a second time"))
    assert probe(order(steps=6_000), Programs(), tmp_path) == first


def test_trials_that_are_over_in_no_time_are_not_probed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Cohort, "advance", lambda *_: pytest.fail("it was measured"))
    assert probe(order(steps=8), Programs(), tmp_path).way == "solo"
    assert probe(order(trials=1), Programs(), tmp_path).way == "solo"
    assert not (tmp_path / "probes").exists()


def test_a_probe_out_of_memory_tries_half_as_many(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[int] = []
    advance = Cohort.advance

    def limited(self: Cohort, steps: int) -> None:
        opened.append(len(self.trials))
        if len(self.trials) > 4:
            torch.empty(2**50)
        advance(self, steps)

    def build() -> RunningTrial:
        return new_trial(order().trial)

    monkeypatch.setattr(Cohort, "advance", limited)
    packing = measured_packing(build, 8, 0.0, Programs())
    assert 8 in opened
    assert packing.most <= 4


def test_a_probe_order_answers_with_the_packing_and_stores_no_trial(tmp_path: Path) -> None:
    cohort = OpenCohort()
    (report,) = carry_out(order(), cohort, tmp_path)
    assert isinstance(report, Done)
    assert isinstance(report.packing, Packing)
    assert cohort.trials == {}
    assert not (tmp_path / "std_test").exists()
