"""What every engine does, whatever runs its orders: the coordinator relies on nothing else.

To hold another engine to it, open it in `engines_under_test` and name it in ENGINES.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.patience import PATIENCE_SECONDS
from tests.workers.engines.engines_under_test import (
    EngineUnderTest,
    Opened,
    analytic,
    external,
    local,
)
from tests.workers.engines.ray_under_test import ray_engine
from tests.workers.engines.worker_processes import wait_for_death
from tests.workers.specs import train_order, training, trial_spec
from tuner.engine.orders import OrderId, TrainOrder
from tuner.engine.protocol import NoFreeSlot
from tuner.engine.reports import Done, Failed, Lost, Reached

ENGINES = [
    pytest.param(local, id="local", marks=pytest.mark.slow),
    pytest.param(analytic, id="analytic"),
    pytest.param(external, id="external"),
    pytest.param(ray_engine, id="ray", marks=[pytest.mark.slow, pytest.mark.ray]),
]
ENDLESS = 10_000_000
Report = Reached | Done | Failed | Lost


@pytest.fixture(scope="module", params=ENGINES)
def opened(request: pytest.FixtureRequest) -> Opened:
    made: Opened = request.param
    if made is ray_engine:
        request.getfixturevalue("joined_ray")
    return made


@pytest.fixture(scope="module")
def shared(opened: Opened, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineUnderTest]:
    """One engine for most tests: some take seconds to open."""
    with opened(tmp_path_factory.mktemp("engine")) as under_test:
        yield under_test


@pytest.fixture
def under_test(shared: EngineUnderTest) -> Iterator[EngineUnderTest]:
    """The engine, idle before the test and after it, with every slot in its place."""
    wait_for_every_slot(shared)
    yield shared
    for slot in shared.engine.slots():
        if slot.busy_with is not None:
            shared.engine.cancel(slot.busy_with)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """Prefix of a test's order ids: the engine is shared, and starts an order once."""
    return str(request.node.originalname)


def short(name: str, *, attempt: int = 1) -> TrainOrder:
    """An order that is over in a moment."""
    return train_order(name=name, study=f"std_{name}", attempt=attempt)


def endless(name: str, *, attempt: int = 1) -> TrainOrder:
    """An order that reports its first rung and does not end by itself."""
    spec = trial_spec(train=training(steps=ENDLESS))
    return train_order(spec, name=name, study=f"std_{name}", attempt=attempt, rungs=(1, ENDLESS))


def wait_for_every_slot(under_test: EngineUnderTest) -> None:
    """Slots of a cluster have to find a place first."""
    while any(slot.problem for slot in under_test.engine.slots()):
        assert under_test.engine.wait(0.1) == []


def busy_with(under_test: EngineUnderTest) -> set[OrderId]:
    return {slot.busy_with for slot in under_test.engine.slots() if slot.busy_with is not None}


def reports_until(under_test: EngineUnderTest, kinds: type[Report], count: int = 1) -> list[Report]:
    """Every report up to the one with which so many of the kind are there."""
    found: list[Report] = []
    while sum(isinstance(report, kinds) for report in found) < count:
        news = under_test.engine.wait(PATIENCE_SECONDS)
        assert news, f"no report after {found}"
        found += news
    return found


def test_slots_have_names_of_their_own_and_say_what_they_are(under_test: EngineUnderTest) -> None:
    slots = under_test.engine.slots()
    assert len({slot.name for slot in slots}) == len(slots) == 2
    for slot in slots:
        assert slot.device_kind == slot.device.partition(":")[0]
        assert slot.memory_bytes is None or slot.memory_bytes > 0
        assert slot.busy_with is None


def test_an_order_is_reported_rung_by_rung_to_its_end_and_frees_its_slot(
    under_test: EngineUnderTest, name: str
) -> None:
    order = short(name)
    under_test.engine.start(order)
    assert busy_with(under_test) == {order.id}
    reports = reports_until(under_test, Done)
    assert {(report.order_id, report.attempt) for report in reports} == {(order.id, 1)}
    steps = [
        trial.step
        for report in reports
        if isinstance(report, Reached | Done)
        for trial in report.trials
    ]
    assert tuple(steps) == order.rungs
    assert busy_with(under_test) == set()


def test_an_order_that_is_started_again_runs_once(under_test: EngineUnderTest, name: str) -> None:
    for _ in range(3):
        under_test.engine.start(short(name))
    assert len([slot for slot in under_test.engine.slots() if slot.busy_with]) == 1
    reports_until(under_test, Done)
    under_test.engine.start(short(name))  # as after its last report
    assert busy_with(under_test) == set()
    assert under_test.engine.wait(0) == []


def test_another_attempt_at_an_order_runs_again(under_test: EngineUnderTest, name: str) -> None:
    for attempt in (1, 2):
        under_test.engine.start(short(name, attempt=attempt))
        assert {report.attempt for report in reports_until(under_test, Done)} == {attempt}


def test_a_full_engine_refuses_an_order_keeps_those_that_it_has_and_cancels_the_one_named(
    under_test: EngineUnderTest, name: str
) -> None:
    running = {OrderId(f"{name}-{number}") for number in range(2)}
    for order_id in sorted(running):
        under_test.engine.start(endless(order_id))
    with pytest.raises(NoFreeSlot, match=f"{name}-third"):
        under_test.engine.start(short(f"{name}-third"))
    assert busy_with(under_test) == running
    for order_id in sorted(running):
        under_test.engine.start(endless(order_id))  # it has them already
    under_test.engine.cancel(OrderId(f"{name}-0"))
    under_test.engine.cancel(OrderId("never-heard-of"))
    assert busy_with(under_test) == {f"{name}-1"}


def test_a_cancelled_order_is_not_reported_again_and_its_slot_is_free(
    under_test: EngineUnderTest, name: str
) -> None:
    under_test.engine.start(endless(name))
    reports_until(under_test, Reached)
    under_test.engine.cancel(OrderId(name))
    assert busy_with(under_test) == set()
    assert under_test.engine.wait(0) == []
    under_test.engine.start(short(f"{name}-next"))
    reports = reports_until(under_test, Done)
    assert {report.order_id for report in reports} == {f"{name}-next"}


def test_an_order_whose_process_dies_is_lost_and_can_be_tried_again(
    under_test: EngineUnderTest, name: str
) -> None:
    under_test.engine.start(endless(name))
    reports_until(under_test, Reached)
    under_test.kill(OrderId(name))
    lost = reports_until(under_test, Lost)[-1]
    assert isinstance(lost, Lost)
    assert (lost.order_id, lost.attempt) == (name, 1)
    assert lost.message
    assert busy_with(under_test) == set()
    under_test.engine.start(short(name, attempt=2))
    assert {report.attempt for report in reports_until(under_test, Done)} == {2}


def test_waiting_has_an_end_and_a_lost_order_takes_no_other_with_it(
    under_test: EngineUnderTest, name: str
) -> None:
    assert under_test.engine.wait(0) == []
    for number in range(2):
        under_test.engine.start(endless(f"{name}-{number}"))
    reports_until(under_test, Reached, count=2)
    assert under_test.engine.wait(0.01) == []
    under_test.kill(OrderId(f"{name}-0"))
    reports = reports_until(under_test, Lost)
    assert [report.order_id for report in reports if isinstance(report, Lost)] == [f"{name}-0"]
    assert busy_with(under_test) == {f"{name}-1"}


def test_closing_ends_every_process(opened: Opened, tmp_path: Path) -> None:
    with opened(tmp_path) as under_test:
        wait_for_every_slot(under_test)
        under_test.engine.start(endless("closed"))
        assert under_test.processes() or opened in (analytic, external)  # they start none
        under_test.engine.close()
        # A worker that began in the moment of closing ends with its parent, a moment later.
        while left := under_test.processes():
            for pid in left:
                wait_for_death(pid)
        assert busy_with(under_test) == set()
        assert under_test.engine.wait(0) == []
