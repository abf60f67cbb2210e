"""Which studies' orders start on free slots, for any slots, studies and orders."""

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from parametrization.rules.parametrization import Parametrization
from tests.tuner import builders
from tuner.decisions.allocation import Use, allocate, free_slots
from tuner.decisions.packing import model_spec
from tuner.engine.orders import AnyOrder, DescribeOrder, OrderId
from tuner.engine.slots import Slot
from tuner.records.snapshot import ActiveStudy

SPEC = builders.study().spec
MODEL = model_spec(SPEC, SPEC.base_width, Parametrization.MUP)


def order(study_id: str, number: int) -> AnyOrder:
    return DescribeOrder(id=OrderId(f"{study_id}-{number}"), study_id=study_id, model=MODEL)


def slots_of(busy: list[bool]) -> list[Slot]:
    return [
        Slot(
            name=f"cpu-{number}",
            device="cpu",
            device_kind="cpu",
            busy_with=OrderId(f"running-{number}") if is_busy else None,
        )
        for number, is_busy in enumerate(busy)
    ]


def study(number: int, priority: int, minute: int) -> ActiveStudy:
    created = dt.datetime(2026, 1, 1, 0, minute, tzinfo=dt.UTC)
    return ActiveStudy(f"std_{number}", 1, priority, created)


busy_slots = st.lists(st.booleans(), max_size=6)
asked = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 5)),  # priority, age, orders
    max_size=6,
)
uses = st.dictionaries(st.sampled_from([f"std_{n}" for n in range(6)]), st.integers(0, 4))
shuffles = st.randoms(use_true_random=False)


def drawn(
    asked: list[tuple[int, int, int]],
) -> tuple[list[ActiveStudy], dict[str, list[AnyOrder]]]:
    studies = [study(number, priority, age) for number, (priority, age, _) in enumerate(asked)]
    wanted = {
        one.id: [order(one.id, number) for number in range(count)]
        for one, (_, _, count) in zip(studies, asked, strict=True)
    }
    return studies, wanted


@given(busy_slots, asked)
def test_every_free_slot_gets_an_order_as_long_as_there_are_any_and_each_order_starts_once(
    busy: list[bool], asked: list[tuple[int, int, int]]
) -> None:
    studies, wanted = drawn(asked)
    chosen = allocate(wanted, slots_of(busy), studies)
    assert len(chosen) == min(busy.count(False), sum(map(len, wanted.values())))
    assert len({one.id for one in chosen}) == len(chosen)


@given(busy_slots, asked)
def test_no_study_starts_an_order_while_one_of_higher_priority_still_wants_some(
    busy: list[bool], asked: list[tuple[int, int, int]]
) -> None:
    studies, wanted = drawn(asked)
    chosen = allocate(wanted, slots_of(busy), studies)
    started = Counter(one.study_id for one in chosen)
    lowest = min((one.priority for one in studies if started[one.id]), default=9)
    above = [one for one in studies if one.priority > lowest]
    assert all(started[one.id] == len(wanted[one.id]) for one in above)


@given(busy_slots, asked, uses)
def test_whoever_still_wants_a_slot_holds_at_most_one_less_than_any_other_of_its_priority_was_given(
    busy: list[bool], asked: list[tuple[int, int, int]], running: dict[str, int]
) -> None:
    """Max-min fairness: nobody is given another slot before those who hold fewer."""
    studies, wanted = drawn(asked)
    chosen = allocate(wanted, slots_of(busy), studies, Use(running=running))
    started = Counter(one.study_id for one in chosen)
    held = {one.id: started[one.id] + running.get(one.id, 0) for one in studies}
    for unhappy in studies:
        if started[unhappy.id] < len(wanted[unhappy.id]):
            given_one = [
                one for one in studies if one.priority == unhappy.priority and started[one.id]
            ]
            assert all(held[one.id] <= held[unhappy.id] + 1 for one in given_one)


@given(busy_slots, asked)
def test_an_owner_gains_nothing_by_dividing_a_study(
    busy: list[bool], asked: list[tuple[int, int, int]]
) -> None:
    """Two people's slots differ by one at most while both want more, however many studies."""
    studies, wanted = drawn(asked)
    level = [one._replace(priority=0, owner=f"{n % 3 == 0}") for n, one in enumerate(studies)]
    chosen = allocate(wanted, slots_of(busy), level)
    of = {one.id: one.share for one in level}
    given_to = Counter(of[one.study_id] for one in chosen)
    asked_by = Counter({share: 0 for share in of.values()})
    for study_id, orders in wanted.items():
        asked_by[of[study_id]] += len(orders)
    for unhappy in (share for share in asked_by if given_to[share] < asked_by[share]):
        assert max(given_to.values(), default=0) <= given_to[unhappy] + 1


@given(busy_slots, asked, st.integers(0, 3))
def test_nobody_runs_more_orders_than_one_may_and_slots_stay_free_for_no_other_reason(
    busy: list[bool], asked: list[tuple[int, int, int]], most: int
) -> None:
    studies, wanted = drawn(asked)
    chosen = allocate(wanted, slots_of(busy), studies, most_per_share=most)
    assert max(Counter(one.study_id for one in chosen).values(), default=0) <= most
    allowed = sum(min(most, len(orders)) for orders in wanted.values())
    assert len(chosen) == min(busy.count(False), allowed)


@given(busy_slots, asked, st.integers(0, 6))
def test_a_study_that_is_not_at_work_or_did_not_ask_starts_nothing(
    busy: list[bool], asked: list[tuple[int, int, int]], kept: int
) -> None:
    studies, wanted = drawn(asked)
    at_work = {one.id for one in studies[:kept]}
    asking = dict(list(wanted.items())[1:])
    chosen = allocate(asking, slots_of(busy), studies[:kept])
    assert {one.study_id for one in chosen} <= at_work & asking.keys()


@given(busy_slots, asked, shuffles)
def test_the_choice_does_not_depend_on_the_order_in_which_studies_are_listed(
    busy: list[bool], asked: list[tuple[int, int, int]], random: Random
) -> None:
    studies, wanted = drawn(asked)
    listed = list(studies)
    random.shuffle(listed)
    again = dict(reversed(list(wanted.items())))
    slots = slots_of(busy)
    assert allocate(again, slots[::-1], listed) == allocate(wanted, slots, studies)


def test_orders_beyond_the_free_slots_are_never_made() -> None:
    """A study with a thousand waiting trials is asked for as many as can start."""
    made: list[int] = []

    def orders() -> Iterator[AnyOrder]:
        for number in range(1_000):
            made.append(number)
            yield order("std_0", number)

    allocate({"std_0": orders()}, slots_of([False, True, False]), [study(0, 0, 0)])
    assert made == [0, 1]


def test_a_slot_that_has_a_problem_gets_no_order() -> None:
    ill = [slot.model_copy(update={"problem": "has no machine"}) for slot in slots_of([False])]
    free = free_slots([*ill, *slots_of([False, True])])
    assert free == Counter({None: 1})
