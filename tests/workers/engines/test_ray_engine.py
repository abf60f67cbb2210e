"""The Ray engine on real nodes: what it trains, and whom it trusts with orders."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.patience import PATIENCE_SECONDS
from tests.workers.engines.ray_under_test import actor_of
from tests.workers.engines.worker_processes import pids_by_slot, wait_for_death
from tests.workers.specs import train_order, training, trial_spec
from tuner.engine.protocol import NoFreeSlot
from tuner.engine.reports import Done, Failed, Lost, Reached, TrialProgress
from tuner.engine.software import installed_software
from workers.engines import ray_engine
from workers.engines.ray_actor import MARK_FILE
from workers.engines.ray_cluster import ClusterUnfit
from workers.engines.ray_engine import RayEngine
from workers.engines.ray_nodes import LocalCluster
from workers.slot.orders import OpenCohort, carry_out

pytestmark = [pytest.mark.slow, pytest.mark.ray]

Report = Reached | Done | Failed | Lost


@pytest.fixture
def engine(joined_ray: LocalCluster, tmp_path: Path) -> Iterator[RayEngine]:
    engine = RayEngine(tmp_path / "cluster", slots=1)
    yield engine
    engine.close()


def wait_until_placed(engine: RayEngine) -> None:
    while any(slot.problem for slot in engine.slots()):
        assert engine.wait(0.1) == []


def until_over(engine: RayEngine) -> list[Report]:
    reports: list[Report] = []
    while not reports or isinstance(reports[-1], Reached):
        reports += engine.wait(PATIENCE_SECONDS)
    return reports


def without_paths(reports: list[Report]) -> list[TrialProgress]:
    return [
        trial.model_copy(update={"checkpoint": None})
        for report in reports
        if isinstance(report, Reached | Done)
        for trial in report.trials
    ]


def test_a_slot_trains_what_this_process_trains_also_after_its_worker_was_killed(
    engine: RayEngine, tmp_path: Path
) -> None:
    """The worker alone is killed: its actor tells so, and starts another."""
    wait_until_placed(engine)
    folder = tmp_path / "cluster"
    endless = training(steps=10_000_000)
    engine.start(train_order(trial_spec(train=endless), name="ord_killed", rungs=(1, 10_000_000)))
    assert isinstance(engine.wait(PATIENCE_SECONDS)[0], Reached)
    (worker,) = pids_by_slot(folder).values()
    actor = actor_of(worker)
    os.kill(worker, signal.SIGKILL)
    lost = until_over(engine)[-1]
    assert isinstance(lost, Lost)
    assert "SIGKILL" in lost.message
    engine.start(train_order())
    reports = until_over(engine)
    (worker,) = pids_by_slot(folder).values()
    assert actor_of(worker) == actor
    here = list(carry_out(train_order(), OpenCohort(), tmp_path / "here"))
    assert without_paths(reports) == without_paths(here)


def test_workers_with_other_software_get_no_orders_and_the_reason_is_told(
    joined_ray: LocalCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = installed_software()
    ours = ours.model_copy(update={"packages": {**ours.packages, "more-optimizers": "9.9"}})
    monkeypatch.setattr(ray_engine, "installed_software", lambda: ours)
    engine = RayEngine(tmp_path, slots=1)
    with pytest.raises(ClusterUnfit, match=r"other software .*more-optimizers"):
        engine.wait(PATIENCE_SECONDS)
    (slot,) = engine.slots()
    assert slot.problem is not None
    assert "install the same on every machine" in slot.problem
    with pytest.raises(NoFreeSlot):
        engine.start(train_order())
    engine.close()


def test_a_node_that_sees_another_data_directory_gets_no_orders(
    engine: RayEngine, tmp_path: Path
) -> None:
    (tmp_path / "cluster" / MARK_FILE).write_text("another machine's")
    with pytest.raises(ClusterUnfit, match=r"does not see the coordinator's data directory"):
        engine.wait(PATIENCE_SECONDS)


def test_an_engine_ends_what_the_one_before_it_has_left(engine: RayEngine, tmp_path: Path) -> None:
    """A coordinator that stands still keeps its actors; who takes over needs their cores."""
    wait_until_placed(engine)
    (left,) = pids_by_slot(tmp_path / "cluster").values()
    after = RayEngine(tmp_path / "cluster", slots=1)
    wait_for_death(left)
    after.close()


def test_a_worker_that_cannot_store_or_stands_still_is_the_slots_own_trouble(
    engine: RayEngine, tmp_path: Path
) -> None:
    wait_until_placed(engine)
    folder = tmp_path / "cluster"
    (folder / "std_blocked").write_text("where the study's folder would be")
    engine.start(train_order(name="ord_blocked", study="std_blocked"))
    blocked = until_over(engine)[-1]
    assert isinstance(blocked, Lost)
    assert blocked.is_of_slot
    (slot,) = engine.slots()
    assert str(slot.problem).startswith("cannot write the checkpoint std_blocked/")
    with pytest.raises(NoFreeSlot):
        engine.start(train_order(name="ord_next"))
    (folder / "std_blocked").unlink()
    wait_until_placed(engine)
    engine.start(train_order(name="ord_blocked", study="std_blocked", attempt=2))
    assert isinstance(until_over(engine)[-1], Done)
    endless = training(steps=10_000_000)
    engine.start(train_order(trial_spec(train=endless), name="ord_stopped", rungs=(1, 10_000_000)))
    assert isinstance(engine.wait(PATIENCE_SECONDS)[0], Reached)
    (worker,) = pids_by_slot(folder).values()
    os.kill(worker, signal.SIGSTOP)
    stopped = until_over(engine)[-1]
    assert isinstance(stopped, Lost)
    assert "stands still (SIGSTOP)" in stopped.message


def test_what_ends_this_process_is_its_own_affair(joined_ray: LocalCluster) -> None:
    """Ray would exit on SIGTERM in the middle of whatever is done."""
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    # Whoever starts tests in the background has SIGINT ignored.
    assert signal.getsignal(signal.SIGINT) in (signal.default_int_handler, signal.SIG_IGN)


def test_an_engine_without_slots_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="slots must be at least 1, got 0"):
        RayEngine(tmp_path, slots=0)
