"""Which waiting trials become one order, and that it changes nothing but speed."""

from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tuner import builders
from tests.tuner.analytic_engine import AnalyticEngine
from tests.tuner.decisions.test_plan import essence, run_to_end, spec, submit
from tests.tuner.stored_studies import decide, events_of, searching_study, snapshot_of
from tests.tuner.stored_studies import spec as stored_spec
from tuner.decisions.packing import train_orders
from tuner.engine.orders import ProbeOrder, TrainOrder
from tuner.engine.packing import SOLO, DeviceKind, Packing, packing_key
from tuner.engine.reports import Done, Failed, Lost
from tuner.engine.slots import Capacity
from tuner.records.decision import Decision
from tuner.records.snapshot import OpenOrder, StudyRecord, StudySnapshot
from tuner.records.trials import StudyTrials, TrialRecord
from tuner.spec.states import Purpose, StateReason, StudyState, TrialState
from tuner.storage.commits import record_report, reopen_orders
from tuner.storage.events import EventKind
from tuner.storage.sql.database import Database, open_database
from tuner.storage.sql.migration import migrate

FUSED = Packing(way="fused", least=3, most=8, speedup=2.4, device="cpu")


@pytest.fixture
def database(tmp_path: Path) -> Database:
    url = f"sqlite:///{tmp_path / 'packed.db'}"
    migrate(url)
    return open_database(url)


def waiting(number: int, *, width: int = 32, seed: int = 0, step: int = 0) -> TrialRecord:
    return builders.trial(
        number,
        purpose=Purpose.MEASURE,
        width=width,
        seed=seed,
        step=step,
        checkpoint=f"{number}-{step}" if step else None,
        state=TrialState.WAITING,
        value=None,
    )


def snapshot(
    *trials: TrialRecord,
    packings: dict[str, Packing] | None = None,
    open_orders: tuple[OpenOrder, ...] = (),
) -> StudySnapshot:
    study = builders.study(StudyState.MEASURING, packings=packings)
    return builders.snapshot(trials, record=study).model_copy(update={"open_orders": open_orders})


def packed(width: int = 32, packing: Packing = FUSED) -> dict[str, Packing]:
    return {packing_key("adamw", width, packing.device): packing}


def first_orders(
    now: StudySnapshot, slots: int, free: int | None = None, kind: DeviceKind = "cpu"
) -> list[ProbeOrder | TrainOrder]:
    """The orders that start at once where so many slots, or of them so many, are free."""
    capacity = Capacity(slots=slots, device_kind=kind)
    wanted = train_orders(now.model_copy(update={"capacity": capacity}))
    return list(islice(wanted, slots if free is None else free))


def numbers(order: ProbeOrder | TrainOrder) -> list[int]:
    assert isinstance(order, TrainOrder)
    return [trial.spec.number for trial in order.trials]


def test_trials_train_alone_where_the_study_asks_for_that() -> None:
    study = builders.study(StudyState.MEASURING)
    solo = study.spec.model_copy(update={"packing": "solo"})
    study = study.model_copy(update={"spec": solo})
    waiting_ones = tuple(map(waiting, range(4)))
    orders = first_orders(builders.snapshot(waiting_ones, record=study), 3)
    assert [numbers(order) for order in orders] == [[0], [1], [2]]


def test_a_shape_is_probed_before_its_trials_train() -> None:
    now = snapshot(*map(waiting, range(4)))
    (probe,) = first_orders(now, 2)
    assert isinstance(probe, ProbeOrder)
    assert probe.trials == 4
    asked = now.model_copy(update={"open_orders": (OpenOrder(order=probe, losses=0),)})
    assert first_orders(asked, 1) == []


def test_a_lone_trial_needs_no_probe() -> None:
    (order,) = first_orders(snapshot(waiting(0)), 2)
    assert numbers(order) == [0]
    assert isinstance(order, TrainOrder)
    assert order.packing == SOLO


def test_trials_are_shared_out_among_the_free_slots() -> None:
    orders = first_orders(snapshot(*map(waiting, range(8)), packings=packed()), 2)
    assert [numbers(order) for order in orders] == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_too_few_to_pay_train_each_in_a_slot_of_its_own() -> None:
    orders = first_orders(snapshot(*map(waiting, range(2)), packings=packed()), 4)
    assert [numbers(order) for order in orders] == [[0], [1]]


def test_solo_stays_solo() -> None:
    now = snapshot(*map(waiting, range(8)), packings=packed(packing=SOLO))
    assert [numbers(order) for order in first_orders(now, 3)] == [[0], [1], [2]]


def test_the_widest_start_first_and_widths_do_not_mix() -> None:
    trials = [waiting(n, width=32 if n < 4 else 64) for n in range(8)]
    now = snapshot(*trials, packings=packed(32) | packed(64))
    assert [numbers(order) for order in first_orders(now, 2)] == [[4, 5, 6, 7], [0, 1, 2, 3]]


@given(
    kinds=st.lists(
        st.tuples(st.sampled_from([32, 64]), st.integers(0, 2), st.sampled_from([0, 50, 100])),
        min_size=1,
        max_size=30,
    ),
    slots=st.integers(1, 40),
    least=st.integers(2, 6),
    most=st.integers(6, 12),
)
def test_every_trial_is_in_exactly_one_order_of_its_shape_and_step(
    kinds: list[tuple[int, int, int]], slots: int, least: int, most: int
) -> None:
    packing = FUSED.model_copy(update={"least": least, "most": most})
    trials = [
        waiting(number, width=width, seed=seed, step=step)
        for number, (width, seed, step) in enumerate(kinds)
    ]
    now = snapshot(*trials, packings=packed(32, packing) | packed(64, packing))
    ordered: list[int] = []
    for _ in trials:  # as slots become free again
        orders = first_orders(now, slots)
        assert len(orders) <= slots
        for order in orders:
            assert isinstance(order, TrainOrder)
            assert len(order.trials) == 1 or least <= len(order.trials) <= most
            assert len({(t.spec.model.width, t.spec.seed) for t in order.trials}) == 1
            assert len({t.start.step if t.start else 0 for t in order.trials}) == 1
            ordered += numbers(order)
        busy = tuple(OpenOrder(order=order, losses=0) for order in orders)
        now = now.model_copy(update={"open_orders": now.open_orders + busy})
    assert sorted(ordered) == list(range(len(trials)))


@given(
    seeds=st.lists(st.integers(0, 2), min_size=1, max_size=24),
    slots=st.integers(1, 4),
    free=st.data(),
)
def test_which_trials_train_together_does_not_depend_on_when_slots_become_free(
    seeds: list[int], slots: int, free: st.DataObject
) -> None:
    """Else two runs of one study would differ in their last digits."""

    def orders_of(*, one_by_one: bool) -> set[tuple[int, ...]]:
        trials = [waiting(number, seed=seed) for number, seed in enumerate(seeds)]
        now, made = snapshot(*trials, packings=packed()), list[tuple[int, ...]]()
        while len(set().union(*made)) < len(seeds):
            count = free.draw(st.integers(1, slots)) if one_by_one else len(seeds)
            for order in first_orders(now, slots, count):
                assert isinstance(order, TrainOrder)
                started, made = set(numbers(order)), [*made, tuple(numbers(order))]
                over = one_by_one and free.draw(st.booleans())
                trials = [
                    trial.model_copy(update={"step": 100, "state": TrialState.COMPLETE})
                    if over and trial.number in started
                    else trial
                    for trial in now.trials
                ]
                busy = () if over else (OpenOrder(order=order, losses=0),)
                now = now.model_copy(
                    update={"trials": StudyTrials(trials), "open_orders": now.open_orders + busy}
                )
        assert sum(map(len, made)) == len(seeds)
        return set(made)

    assert orders_of(one_by_one=True) == orders_of(one_by_one=False)


@pytest.mark.parametrize("pruner", ["none", "median", "successive_halving"])
@pytest.mark.parametrize("slots", [1, 3])
def test_what_is_proposed_and_pruned_does_not_depend_on_packing(
    database: Database, pruner: str, slots: int
) -> None:
    small = spec(
        search={"trials": 8, "batch_size": 4, "pruner": pruner},
        measure={"grid_points": 5},
        packing="measured",
    )
    together = AnalyticEngine(slots=slots, seed=1, packing=FUSED.model_copy(update={"least": 2}))
    first = run_to_end(database, submit(database, small), together)
    assert any(
        isinstance(order, TrainOrder) and len(order.trials) > 1 for order in together.started
    )
    alone = run_to_end(database, submit(database, small), AnalyticEngine(slots=1))
    assert essence(first) == essence(alone)


def test_the_choice_is_stored_and_told_and_not_made_again(database: Database) -> None:
    study_id = submit(database, spec(search={"trials": 4, "batch_size": 4}, packing="measured"))
    engine = AnalyticEngine(slots=2, packing=FUSED)
    snapshot = run_to_end(database, study_id, engine)
    probed = [order for order in engine.started if isinstance(order, ProbeOrder)]
    assert len({(order.trial.optimizer, order.trial.model.width) for order in probed}) == len(
        probed
    )
    assert snapshot.study.packings is not None
    assert snapshot.study.packings[packing_key("adamw", 32, "cpu")] == FUSED
    chosen = events_of(database, snapshot.study, [EventKind.PACKING_CHOSEN])
    told = [event.data["summary"] for event in chosen]
    assert told[0] == "adamw, width 32: fused K=8: 2.4x solo here"
    assert len(told) == len(probed)


def probing(database: Database) -> tuple[StudyRecord, ProbeOrder]:
    study = searching_study(
        database, trials=3, study_spec=stored_spec().model_copy(update={"packing": "measured"})
    )
    (probe,) = first_orders(snapshot_of(database, study), 1)
    assert isinstance(probe, ProbeOrder)
    return decide(database, study, Decision(orders=(probe,))), probe


def test_a_probe_that_fails_leaves_the_trials_to_train_alone(database: Database) -> None:
    study, probe = probing(database)
    with database.write() as session:
        record_report(
            session,
            Failed(
                order_id=probe.id,
                attempt=1,
                reason=StateReason.OUT_OF_MEMORY,
                message="it does not fit",
            ),
        )
    now = snapshot_of(database, study)
    assert now.study.state is StudyState.SEARCHING
    assert now.study.packings == {packing_key("adamw", 32, "cpu"): SOLO}
    assert [numbers(order) for order in first_orders(now, 3)] == [[0], [1], [2]]


def packed_order(database: Database) -> StudyRecord:
    study, probe = probing(database)
    with database.write() as session:
        record_report(session, Done(order_id=probe.id, attempt=1, packing=FUSED))
    orders = tuple(first_orders(snapshot_of(database, study), 1))
    return decide(database, get(database, study), Decision(orders=orders))


def get(database: Database, study: StudyRecord) -> StudyRecord:
    return snapshot_of(database, study).study


def packing_of_the_open_order(database: Database, study: StudyRecord) -> Packing:
    (one,) = snapshot_of(database, study).open_orders
    assert isinstance(one.order, TrainOrder)
    assert len(one.order.trials) == 3
    return one.order.packing


def test_a_restarted_coordinator_packs_as_before(database: Database) -> None:
    study = packed_order(database)
    with database.write() as session:
        reopen_orders(session)
    assert packing_of_the_open_order(database, study) == FUSED


def test_a_lost_cohort_is_tried_again_as_it_was_and_then_one_after_another(
    database: Database,
) -> None:
    study = packed_order(database)
    (one,) = snapshot_of(database, study).open_orders
    for attempt, packing in ((1, FUSED), (2, FUSED), (3, SOLO)):
        with database.write() as session:
            record_report(session, Lost(order_id=one.order.id, attempt=attempt, message="killed"))
        assert packing_of_the_open_order(database, study) == packing
