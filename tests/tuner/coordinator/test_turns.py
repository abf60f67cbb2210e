"""Small studies among large ones, on a clock of the test's own: everybody's turn comes."""

import datetime as dt
import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from parametrization.rules.parametrization import Parametrization
from tests.tuner import builders
from tuner.coordinator.turns import TURN_SECONDS, Turns
from tuner.decisions.allocation import allocate
from tuner.decisions.packing import model_spec
from tuner.engine.orders import DescribeOrder, OrderId
from tuner.engine.reports import Reached
from tuner.engine.slots import Slot
from tuner.records.snapshot import ActiveStudy

SPEC = builders.study().spec
MODEL = model_spec(SPEC, SPEC.base_width, Parametrization.MUP)
LONGEST_SEGMENT = 90


@dataclass
class Machine:
    """Slots that train segments of orders, one after another; `Turns` and `allocate` decide."""

    slots: int
    work: dict[str, list[list[int]]]
    """By study, its orders, each as the seconds of its segments; a rung ends each segment."""
    studies: dict[str, ActiveStudy]
    now: float = 0.0
    turns: Turns = field(init=False)
    running: dict[OrderId, float] = field(default_factory=dict)
    """Orders in slots, with the time of their next rung."""
    at_rung: set[OrderId] = field(default_factory=set)
    tick_seconds: float = math.inf
    """Time that passes at most between two looks; a rung ends it too."""
    interrupted: Counter[OrderId] = field(default_factory=Counter)
    """How often orders have lost what they trained since a rung."""

    def __post_init__(self) -> None:
        self.turns = Turns(lambda: self.now)

    def run_until_done(self, study_id: str) -> float:
        """The time at which the study has nothing left."""
        while any(self.work[study_id]):
            self.start()
            self.pass_time()
        return self.now

    def start(self) -> None:
        held = {id_: self.study_of(id_) for id_ in self.running}
        giving = self.turns.giving_way(held, self.studies.values())
        staying = {id_: study for id_, study in held.items() if id_ not in giving}
        slots = [
            Slot(name=f"{n}", device="cpu", device_kind="cpu", busy_with=busy)
            for n, busy in zip(range(self.slots), [*staying, *[None] * self.slots], strict=False)
        ]
        wanted = {
            study_id: [
                order
                for number, segments in enumerate(orders)
                if segments and (order := self.order(study_id, number)).id not in staying
            ]
            for study_id, orders in self.work.items()
        }
        use = self.turns.use(self.studies.values(), staying.values())
        chosen = {order.id for order in allocate(wanted, slots, self.studies.values(), use)}
        preempted = giving.keys() - chosen
        self.turns.note_preempted(preempted)
        self.interrupted.update(preempted - self.at_rung)
        for order_id in preempted:
            del self.running[order_id]
        for order_id in chosen - self.running.keys():
            self.running[order_id] = self.now + self.segments(order_id)[0]
        self.turns.hold({id_: self.study_of(id_) for id_ in self.running})

    def pass_time(self) -> None:
        self.now = min([*self.running.values(), self.now + self.tick_seconds])
        self.at_rung = {id_ for id_, due in self.running.items() if due == self.now}
        for order_id in sorted(self.at_rung):
            self.segments(order_id).pop(0)
            if self.segments(order_id):
                self.running[order_id] = self.now + self.segments(order_id)[0]
            else:
                del self.running[order_id]
        self.turns.note_rungs(Reached(order_id=id_, attempt=1, trials=()) for id_ in self.at_rung)

    def segments(self, order_id: OrderId) -> list[int]:
        study_id, _, number = order_id.partition("/")
        return self.work[study_id][int(number)]

    def study_of(self, order_id: OrderId) -> ActiveStudy:
        return self.studies[order_id.partition("/")[0]]

    def order(self, study_id: str, number: int) -> DescribeOrder:
        return DescribeOrder(id=OrderId(f"{study_id}/{number}"), study_id=study_id, model=MODEL)


segment = st.integers(1, LONGEST_SEGMENT)
small_orders = st.lists(st.lists(segment, min_size=1, max_size=3), min_size=1, max_size=6)
endless = st.lists(segment, min_size=1, max_size=4)  # repeated: nobody waits for the end


def study(name: str, minute: int, priority: int = 0) -> ActiveStudy:
    created = dt.datetime(2026, 1, 1, 0, minute, tzinfo=dt.UTC)
    return ActiveStudy(name, 1, priority, created)


@given(st.integers(1, 3), small_orders, st.lists(endless, min_size=1, max_size=3))
def test_a_small_study_is_done_in_its_share_of_the_time_behind_any_large_ones(
    slots: int, orders: list[list[int]], others: list[list[int]]
) -> None:
    """Each of n others gets what it gets and one turn more: a slot's worth of fair queueing."""
    work = {f"large{n}": [segments * 200 for _ in range(8)] for n, segments in enumerate(others)}
    machine = Machine(slots, work, {name: study(name, 0) for name in work})
    for _ in range(20):  # the others have been at it for a while
        machine.start()
        machine.pass_time()
    begun = machine.now
    machine.work["small"] = [list(segments) for segments in orders]
    machine.studies["small"] = study("small", 1)
    took = machine.run_until_done("small") - begun
    needed = sum(map(sum, orders))
    assert took <= needed + len(others) * (needed + TURN_SECONDS + LONGEST_SEGMENT)


@given(st.integers(1, 3), small_orders)
def test_a_study_of_higher_priority_waits_for_no_more_than_a_rung(
    slots: int, orders: list[list[int]]
) -> None:
    work = {"low": [[LONGEST_SEGMENT] * 100 for _ in range(8)]}
    machine = Machine(slots, work, {"low": study("low", 0)})
    machine.start()
    machine.work["high"] = [list(segments) for segments in orders]
    machine.studies["high"] = study("high", 1, priority=1)
    assert machine.run_until_done("high") <= LONGEST_SEGMENT + sum(map(sum, orders))


def test_an_order_that_has_just_begun_gives_its_slot_to_no_equal() -> None:
    work = {"old": [[5] * 100]}
    machine = Machine(1, work, {"old": study("old", 0)})
    machine.start()
    machine.work["new"] = [[5]]
    machine.studies["new"] = study("new", 1)
    assert machine.run_until_done("new") == TURN_SECONDS + 5


HOUR: Final = 3_600


def behind_hours(slots: int) -> Machine:
    """A large study in every slot, an hour between two of its rungs; it has had five minutes."""
    work = {"large": [[HOUR] * 3 for _ in range(8)]}
    machine = Machine(slots, work, {"large": study("large", 0)}, tick_seconds=1)
    for _ in range(300):
        machine.start()
        machine.pass_time()
    return machine


def test_a_small_study_does_not_wait_for_a_large_ones_next_rung() -> None:
    machine = behind_hours(slots=2)
    begun = machine.now
    machine.work["small"] = [[5], [5, 5], [5]]
    machine.studies["small"] = study("small", 1)
    assert machine.run_until_done("small") - begun <= TURN_SECONDS + 20 + 2
    assert machine.interrupted.total() == 1


def test_an_order_is_interrupted_once_between_two_rungs_however_many_small_studies_come() -> None:
    machine = behind_hours(slots=1)
    for number in range(3):
        name = f"small{number}"
        machine.work[name] = [[5]]
        machine.studies[name] = study(name, 1 + number)
        machine.run_until_done(name)
        del machine.studies[name], machine.work[name]
        machine.start()  # the large one goes on
        machine.pass_time()
    assert len(machine.work["large"][0]) == 2, "the second one had to wait for the rung"
    assert machine.interrupted == {OrderId("large/0"): 2}, "once before it, once after it"


def test_a_large_study_waits_for_the_rung_of_an_equal() -> None:
    machine = behind_hours(slots=1)
    machine.work["new"] = [[HOUR], [HOUR]]
    machine.studies["new"] = study("new", 1)
    machine.run_until_done("new")
    of_new = [id_ for id_ in machine.interrupted if id_.startswith("new/")]
    assert machine.interrupted.total() <= 1
    assert not of_new
