"""The probe: what it concludes from timings, and that its choice is made once."""

import math
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from tests.workers.specs import TINY_MLP, model_spec, training, trial_spec
from tuner.engine.orders import OrderId, ProbeOrder
from tuner.engine.packing import Packing
from tuner.engine.reports import Done
from workers.cohort import step
from workers.cohort.cohort import Cohort
from workers.cohort.programs import Programs
from workers.datasets.data import Batch
from workers.packing.probe import WORTH_IT, choose, measured_packing, probe
from workers.packing.stored_probes import Probed, recall, remember
from workers.packing.timing import operations_of
from workers.slot.orders import OpenCohort, carry_out
from workers.training.objective import Objective, batch_loss
from workers.training.trial import RunningTrial, new_trial

seconds = st.floats(1e-5, 10.0)


def order(*, trials: int = 4, steps: int = 50_000) -> ProbeOrder:
    return ProbeOrder(
        id=OrderId("ord_probe"),
        study_id="std_test",
        trial=trial_spec(model=model_spec(TINY_MLP), train=training(steps=steps)),
        trials=trials,
        device_kind="cpu",
    )


@pytest.fixture
def gets_to_cohorts(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are tried, however slow the machine: it may take long for an operation or a trace."""
    monkeypatch.setattr("workers.packing.probe.OPERATION_SECONDS", math.inf)
    monkeypatch.setattr("workers.packing.probe.TRACINGS", 0.0)


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
    assert probe(order(steps=60_000), Programs(), tmp_path) == first


def test_trials_that_are_over_in_no_time_are_not_probed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Cohort, "advance", lambda *_: pytest.fail("it was measured"))
    assert probe(order(steps=8), Programs(), tmp_path).way == "solo"
    assert probe(order(trials=1), Programs(), tmp_path).way == "solo"


def test_what_a_step_takes_is_measured_once_so_that_short_stays_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a study run twice could be packed twice differently, for the machine being busy."""
    probe(order(steps=8), Programs(), tmp_path)
    monkeypatch.setattr(
        "workers.packing.probe.solo_seconds", lambda _: pytest.fail("measured again")
    )
    assert probe(order(steps=8), Programs(), tmp_path).way == "solo"


def test_a_step_of_few_long_operations_is_arithmetic_and_trains_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.packing.probe.OPERATION_SECONDS", 0.0)
    monkeypatch.setattr(Cohort, "advance", lambda *_: pytest.fail("it was measured"))
    assert probe(order(), Programs(), tmp_path).way == "solo"


def test_trials_that_save_less_than_tracing_takes_train_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.packing.probe.TRACINGS", 1e9)
    assert probe(order(), Programs(), tmp_path).way == "solo"


def test_operations_are_counted_forwards_and_backwards_without_views() -> None:
    weight = torch.ones(4, 3, requires_grad=True)

    def step() -> None:
        (torch.ones(2, 4) @ weight).view(-1).sum().backward()  # type: ignore[no-untyped-call]

    # ones, product, sum; ones_like, product again: the gradient's views and expansions are none.
    assert operations_of(step) == 5


@pytest.mark.usefixtures("gets_to_cohorts")
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
    packing = measured_packing(build, 8, 100.0, Programs())
    assert 8 in opened
    assert packing.most <= 4


@pytest.mark.usefixtures("gets_to_cohorts")
def test_what_cannot_be_mapped_over_trials_trains_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A branch on a tensor's value, as users' code may have one."""

    def branching(model: nn.Module, batch: Batch) -> Tensor:
        loss = batch_loss(model, batch)
        return loss if loss < 1e6 else loss * 0

    monkeypatch.setattr(step, "objective", lambda _: Objective(branching, branching))
    packing = probe(order(), Programs(), tmp_path)
    assert packing.way == "solo"
    assert packing.words == "solo: such trials cannot train together"


def test_a_probe_order_answers_with_the_packing_and_stores_no_trial(tmp_path: Path) -> None:
    cohort = OpenCohort()
    (report,) = carry_out(order(), cohort, tmp_path)
    assert isinstance(report, Done)
    assert isinstance(report.packing, Packing)
    assert cohort.trials == {}
    assert not (tmp_path / "std_test").exists()


@pytest.mark.parametrize("stored", ["", "{", '{"solo_seconds": "soon"}'])
def test_what_a_machine_remembers_and_cannot_be_read_is_measured_again(
    tmp_path: Path, stored: str
) -> None:
    path = tmp_path / "probe.json"
    remember(path, Probed(solo_seconds=0.5))
    assert recall(path) == Probed(solo_seconds=0.5)
    path.write_text(stored)
    assert recall(path) is None
