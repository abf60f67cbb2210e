"""The local engine with its real processes: killed, starved, cancelled and orphaned."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import torch

from parametrization.scaling.schedule import Schedule, ScheduleShape
from tests.patience import PATIENCE_SECONDS
from tests.workers.engines.worker_processes import wait_for_death, worker_pids
from tests.workers.specs import STUDY, TINY_MLP, model_spec, train_order, training, trial_spec
from tuner.engine.checkpoints import FileCheckpoints
from tuner.engine.orders import DescribeOrder, OrderId, TrainOrder
from tuner.engine.protocol import NoFreeSlot
from tuner.engine.reports import Done, Failed, Lost, Reached, TrialProgress
from tuner.spec.families.mlp import Mlp
from tuner.spec.states import StateReason
from workers.engines.local import LocalEngine
from workers.engines.slot_process import SlotProcess
from workers.slot.orders import OpenCohort, carry_out

pytestmark = pytest.mark.slow

MEMORY_LIMIT_BYTES = 1_200 * 2**20
ENDLESS = 10_000_000
Report = Reached | Done | Failed | Lost


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("checkpoints")


@pytest.fixture(scope="module")
def engine(folder: Path) -> Iterator[LocalEngine]:
    """One engine for all tests, whose workers are up: they take seconds to load torch."""
    engine, done = LocalEngine(2, folder, MEMORY_LIMIT_BYTES), 0
    for name in ("ord_up_a", "ord_up_b"):
        engine.start(train_order(name=name, study=f"std_{name}"))
    while done < 2:
        done += sum(isinstance(report, Done) for report in news(engine))
    yield engine
    engine.close()


def news(engine: LocalEngine) -> list[Report]:
    return engine.wait(PATIENCE_SECONDS)


def until_over(engine: LocalEngine, order_id: str) -> list[Report]:
    """Reports of the order up to the one that ends it."""
    reports: list[Report] = []
    while not reports or isinstance(reports[-1], Reached):
        reports += [report for report in news(engine) if report.order_id == order_id]
    return reports


def endless(name: str) -> TrainOrder:
    """An order that has reported its first rung and will not end by itself."""
    return train_order(trial_spec(train=training(steps=ENDLESS)), name=name, rungs=(1, ENDLESS))


def slot_of(engine: LocalEngine, order_id: str) -> str:
    (name,) = [slot.name for slot in engine.slots() if slot.busy_with == order_id]
    return name


def without_paths(reports: list[Report]) -> list[TrialProgress]:
    """What was trained, apart from where it is stored."""
    return [
        trial.model_copy(update={"checkpoint": None})
        for report in reports
        if isinstance(report, Reached | Done)
        for trial in report.trials
    ]


def in_this_process(order: TrainOrder, folder: Path) -> list[Report]:
    return list(carry_out(order, OpenCohort(), folder))


def test_every_slot_trains_exactly_what_this_process_trains(
    engine: LocalEngine, tmp_path: Path
) -> None:
    orders = [train_order(name=f"ord_{one}", study=f"std_{one}") for one in ("a", "b")]
    for order in orders:
        engine.start(order)
    assert {slot.busy_with for slot in engine.slots()} == {"ord_a", "ord_b"}
    reports: dict[OrderId, list[Report]] = {order.id: [] for order in orders}
    while not all(any(isinstance(r, Done) for r in found) for found in reports.values()):
        for report in news(engine):
            assert isinstance(report, Reached | Done), report
            reports[report.order_id].append(report)
    expected = without_paths(in_this_process(train_order(), tmp_path))
    assert without_paths(reports[OrderId("ord_a")]) == expected
    assert without_paths(reports[OrderId("ord_b")]) == expected
    assert {slot.busy_with for slot in engine.slots()} == {None}


def test_a_trial_whose_worker_is_killed_at_a_rung_ends_as_if_nothing_had_happened(
    engine: LocalEngine, folder: Path, tmp_path: Path
) -> None:
    constant = Schedule(shape=ScheduleShape.CONSTANT, warmup_fraction=0.0)
    spec = trial_spec(train=training(steps=ENDLESS, schedule=constant))
    engine.start(train_order(spec, name="ord_killed", rungs=(4, 8, ENDLESS)))
    reached: list[Report] = []
    while len(reached) < 2:
        reached += [report for report in news(engine) if report.order_id == "ord_killed"]
    name = slot_of(engine, "ord_killed")
    pid = worker_pids(folder)[name]
    os.kill(pid, signal.SIGKILL)
    lost = until_over(engine, "ord_killed")[-1]
    assert isinstance(lost, Lost)
    assert lost.attempt == 1
    assert f"slot {name} ended with SIGKILL" in lost.message
    assert worker_pids(folder)[name] != pid
    last = reached[-1]
    assert isinstance(last, Reached)
    again = train_order(
        spec, name="ord_killed", attempt=2, rungs=(12,), start=last.trials[0].checkpoint
    )
    engine.start(again)
    resumed = until_over(engine, "ord_killed")
    uninterrupted = in_this_process(train_order(spec, rungs=(4, 8, 12)), tmp_path)
    assert without_paths([*reached, *resumed]) == without_paths(uninterrupted)


def test_a_killed_worker_does_not_touch_its_neighbour(
    engine: LocalEngine, folder: Path, tmp_path: Path
) -> None:
    """A pool of processes would fail every order it runs."""
    spec = trial_spec(number=77, train=training(steps=400))
    spared = train_order(spec, name="ord_spared", rungs=(400,))
    for order in (endless("ord_dies"), spared):
        engine.start(order)
    neighbour = worker_pids(folder)[slot_of(engine, "ord_spared")]
    os.kill(worker_pids(folder)[slot_of(engine, "ord_dies")], signal.SIGKILL)
    reports: list[Report] = []
    while {report.order_id for report in reports if not isinstance(report, Reached)} != {
        "ord_dies",
        "ord_spared",
    }:
        reports += news(engine)
    assert neighbour in worker_pids(folder).values()
    (done,) = [report for report in reports if report.order_id == "ord_spared"]
    assert without_paths([done]) == without_paths(in_this_process(spared, tmp_path))


def test_a_worker_out_of_memory_fails_its_trial_and_goes_on(
    engine: LocalEngine, folder: Path
) -> None:
    pids = worker_pids(folder)
    big = model_spec(Mlp(name="mlp", depth=4), width=16_384)
    engine.start(train_order(trial_spec(number=7, model=big), name="ord_big"))
    name = slot_of(engine, "ord_big")
    (failed,) = until_over(engine, "ord_big")
    assert isinstance(failed, Failed)
    assert failed.reason is StateReason.OUT_OF_MEMORY
    assert "trial 7 at width 16384 (batch size 4) does not fit" in failed.message
    assert "limited to 1200 MiB" in failed.message
    assert "lower training.batch_size" in failed.message
    assert worker_pids(folder)[name] == pids[name]
    small = train_order(trial_spec(model=model_spec(TINY_MLP)), name="ord_small")
    engine.start(small)
    assert slot_of(engine, "ord_small") == name
    assert isinstance(until_over(engine, "ord_small")[-1], Done)


def test_a_successor_goes_to_the_slot_that_holds_its_trial(
    engine: LocalEngine, folder: Path
) -> None:
    spec = trial_spec(number=41, optimizer="sgd")
    describe = DescribeOrder(id=OrderId("ord_describe"), study_id=STUDY, model=spec.model)
    engine.start(describe)  # takes the first slot, so that the trial gets the second
    engine.start(train_order(spec, name="ord_head", rungs=(6,)))
    name = slot_of(engine, "ord_head")
    found: list[Report] = []
    while len(found) < 2:
        found += news(engine)
    (done,) = [report for report in found if report.order_id == "ord_head"]
    assert isinstance(done, Done)
    checkpoint = done.trials[0].checkpoint
    assert checkpoint is not None
    FileCheckpoints(folder).delete(checkpoint.uri)  # only the worker's memory has it now
    engine.start(train_order(spec, name="ord_tail", rungs=(12,), start=checkpoint))
    assert slot_of(engine, "ord_tail") == name
    assert isinstance(until_over(engine, "ord_tail")[-1], Done)


def test_workers_are_pinned_give_way_and_ignore_ctrl_c(engine: LocalEngine, folder: Path) -> None:
    pids, own = worker_pids(folder), os.getpriority(os.PRIO_PROCESS, 0)
    for pid in pids.values():
        assert len(os.sched_getaffinity(pid)) == 1
        assert os.getpriority(os.PRIO_PROCESS, pid) == min(19, own + 10)
        os.kill(pid, signal.SIGINT)
    engine.start(train_order(name="ord_after_ctrl_c"))
    assert isinstance(until_over(engine, "ord_after_ctrl_c")[-1], Done)
    assert worker_pids(folder) == pids


def test_a_worker_that_dies_idle_is_replaced_with_the_next_order(
    engine: LocalEngine, folder: Path
) -> None:
    for pid in worker_pids(folder).values():
        os.kill(pid, signal.SIGKILL)
        wait_for_death(pid)
    assert news(engine) == []  # both pipes are closed: nothing of it is a report
    assert worker_pids(folder) == {}
    engine.start(train_order(name="ord_after_death"))
    assert isinstance(until_over(engine, "ord_after_death")[-1], Done)


def test_a_stopped_worker_is_ended_by_its_own_pace_and_its_order_is_lost(
    engine: LocalEngine, folder: Path
) -> None:
    """SIGSTOP: it neither dies nor works, and says nothing."""
    engine.start(endless("ord_stopped"))
    while not news(engine):
        pass
    name = slot_of(engine, "ord_stopped")
    pid = worker_pids(folder)[name]
    os.kill(pid, signal.SIGSTOP)
    problems: set[str | None] = set()
    reports: list[Report] = []
    while not reports:
        problems |= {slot.problem for slot in engine.slots() if slot.name == name}
        reports = engine.wait(1)
    (lost,) = reports
    assert isinstance(lost, Lost)
    assert not lost.is_of_slot
    assert "stands still (SIGSTOP)" in lost.message
    assert any(problem and "stood still" in problem for problem in problems)
    assert worker_pids(folder)[name] != pid
    assert {slot.problem for slot in engine.slots()} == {None}


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without the device")
def test_a_slot_whose_worker_cannot_start_is_blamed_itself_and_takes_no_more_orders(
    tmp_path: Path,
) -> None:
    with closing(LocalEngine(1, tmp_path, gpus=1)) as broken:
        for attempt in (1, 2):
            broken.start(train_order(name="ord_innocent", attempt=attempt))
            (lost,) = until_over(broken, "ord_innocent")
            assert isinstance(lost, Lost)
            assert lost.is_of_slot
        (slot,) = broken.slots()
        assert "before it could work, 2 times" in str(slot.problem)
        with pytest.raises(NoFreeSlot):
            broken.start(train_order(name="ord_innocent", attempt=3))


def test_no_worker_outlives_a_killed_parent(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-m", "tests.workers.engines.engine_parent", str(tmp_path)],
        cwd=Path(__file__).parents[3],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert len(pids) == 2
    for pid in pids:
        wait_for_death(pid)


def test_the_end_of_the_pipe_alone_ends_a_worker_in_mid_training(tmp_path: Path) -> None:
    """What is left where the kernel sends no signal when a parent dies."""
    slot = SlotProcess("cpu-0", None, tmp_path, None)
    slot.start(endless("ord_orphan"))
    assert slot.connection is not None
    assert slot.connection.poll(PATIENCE_SECONDS)
    assert isinstance(slot.receive()[0], Reached)
    assert slot.pid is not None
    slot.connection.close()
    wait_for_death(slot.pid)
    assert slot.kill() == 0  # it left by itself


@pytest.mark.parametrize(
    ("slots", "limit", "message"),
    [(0, None, "slots must be at least 1, got 0"), (1, 10**6, "at least 402653184")],
)
def test_an_engine_that_could_not_work_is_refused(
    slots: int, limit: int | None, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        LocalEngine(slots, tmp_path, limit)
