"""Studies and orders that cannot be read are set aside with the reason, and all others go on."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select, text

from tests.tuner.analytic_engine import AnalyticEngine
from tests.tuner.storage.corpus import FUSED, SMALL
from tests.tuner.stored_studies import events_of
from tuner.coordinator.reconcile import tick
from tuner.engine.orders import OrderId
from tuner.records.errors import StudyUnreadable
from tuner.records.snapshot import StudyRecord
from tuner.spec.states import OrderState, StudyState, TrialState
from tuner.spec.study import StudySpec
from tuner.storage.commits import reopen_orders
from tuner.storage.documents import FORMAT, SPEC
from tuner.storage.events import EventKind
from tuner.storage.orders import open_order_ids, read_order
from tuner.storage.sql.database import Database
from tuner.storage.sql.tables import OrderRow, StudyRow
from tuner.storage.studies import (
    get_study,
    open_study,
    park_studies,
    read_snapshot,
    resume_study,
)
from tuner.storage.study_list import list_studies

Damage = Callable[[dict[str, Any]], dict[str, Any]]


def naming(field: str, name: str) -> Damage:
    return lambda spec: spec | {field: spec[field] | {"name": name}}


DAMAGED: dict[str, tuple[Damage, str]] = {
    "optimizer": (
        lambda spec: spec | {"optimizers": [spec["optimizers"][0] | {"name": "adamw2"}]},
        "/optimizers/0 names 'adamw2', which is not known here: install the release or plugin",
    ),
    "family": (naming("family", "rnn"), "/family names 'rnn', which is not known here"),
    "dataset": (naming("dataset", "imagenet"), "/dataset names 'imagenet', which is not known"),
    "policy": (
        lambda spec: spec | {"policies": spec["policies"] | {"depth_rule": "mine"}},
        "/policies/depth_rule names 'mine', which is not known here",
    ),
    "newer format": (
        lambda spec: spec | {FORMAT: SPEC.format + 1},
        f"a newer release wrote it in format {SPEC.format + 1}, .*: upgrade Widthwise",
    ),
    "missing field": (
        lambda spec: {key: value for key, value in spec.items() if key != "target"},
        "/target: Field required",
    ),
    "wrong type": (
        lambda spec: spec | {"training": spec["training"] | {"steps": "many"}},
        "/training/steps: Input should be a valid integer",
    ),
    "nothing": (lambda spec: {}, "/family: Field required"),
}
damaged = pytest.mark.parametrize(("damage", "words"), DAMAGED.values(), ids=DAMAGED)
on_sqlite = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
SMALLEST: dict[str, Any] = SMALL | {"search": {"trials": 4, "batch_size": 4}}


def opened(database: Database, **changes: object) -> StudyRecord:
    with database.write() as session:
        return open_study(session, StudySpec.model_validate(SMALLEST | changes))[0]


def damage_spec(database: Database, study: StudyRecord, damage: Damage) -> None:
    with database.write() as session:
        row = session.get_one(StudyRow, study.id)
        row.spec = damage(row.spec)


def damage_order(database: Database, order_id: str) -> None:
    with database.write() as session:
        row = session.get_one(OrderRow, order_id)
        row.payload = {FORMAT: 1, "kind": "distil"}


def state_of(database: Database, study: StudyRecord) -> tuple[str, str | None]:
    with database.read() as session:
        row = session.get_one(StudyRow, study.id)
        return row.state, row.reason


def run_to_the_end(database: Database, study: StudyRecord, engine: AnalyticEngine) -> None:
    for _ in range(2_000):
        if state_of(database, study)[0] == StudyState.COMPLETED:
            return
        tick(database, engine, wait_seconds=0.0)
    raise AssertionError(f"the study does not get there: {state_of(database, study)}")


def run_until_an_order_trains(database: Database, engine: AnalyticEngine) -> OrderId:
    """Turn the coordinator until an order is open that goes on from a checkpoint."""
    for _ in range(2_000):
        tick(database, engine, wait_seconds=0.0)
        with database.read() as session:
            for order_id in open_order_ids(session):
                order = read_order(session, order_id)
                if order.kind == "train" and order.trials[0].start is not None:
                    return order_id
    raise AssertionError("no order goes on from a checkpoint")


@on_sqlite
@damaged
def test_an_unreadable_study_is_listed_and_refused_with_the_reason(
    database: Database, damage: Damage, words: str
) -> None:
    kept, broken = opened(database), opened(database)
    damage_spec(database, broken, damage)
    with database.read() as session:
        page = list_studies(session, state=None, page_size=10, page_token=None)
        assert [study.id for study in page.studies] == [kept.id]
        assert [(one.id, one.state) for one in page.unreadable] == [(broken.id, "queued")]
        for read in (get_study, read_snapshot, resume_study):
            with pytest.raises(StudyUnreadable, match=words):
                read(session, broken.id)


@on_sqlite
@damaged
def test_an_unreadable_study_is_paused_at_the_start_and_the_others_go_on(
    database: Database, damage: Damage, words: str
) -> None:
    broken, kept = opened(database, priority=9), opened(database)
    damage_spec(database, broken, damage)
    with database.write() as session:
        park_studies(session)
        reopen_orders(session)
    state, reason = state_of(database, broken)
    assert state == StudyState.PAUSED
    assert reason is not None
    assert reason.endswith("; then resume the study")
    tick(database, AnalyticEngine(slots=2), wait_seconds=0.0)
    assert state_of(database, kept)[0] == StudyState.CHECKING


@pytest.mark.parametrize("column", ["spec", "shape", "packings"])
def test_a_study_that_becomes_unreadable_while_it_runs_is_paused_and_the_others_go_on(
    database: Database, column: str
) -> None:
    broken, kept = opened(database, priority=9), opened(database)
    engine = AnalyticEngine(slots=2, packing=FUSED)
    run_until_an_order_trains(database, engine)
    with database.write() as session:
        row = session.get_one(StudyRow, broken.id)
        setattr(row, column, getattr(row, column) | {FORMAT: 99})
    run_to_the_end(database, kept, engine)
    state, reason = state_of(database, broken)
    assert state == StudyState.PAUSED
    assert "a newer release wrote it in format 99" in str(reason)


def test_a_study_whose_document_is_repaired_resumes_where_it_was(database: Database) -> None:
    study = opened(database)
    engine = AnalyticEngine(slots=2, packing=FUSED)
    run_until_an_order_trains(database, engine)
    damage_spec(database, study, lambda spec: spec | {FORMAT: 99})
    while state_of(database, study)[0] != StudyState.PAUSED:
        tick(database, engine, wait_seconds=0.0)
    damage_spec(database, study, lambda spec: spec | {FORMAT: SPEC.format})
    with database.write() as session:
        assert resume_study(session, study.id).state is StudyState.SEARCHING
    run_to_the_end(database, study, engine)


@pytest.mark.parametrize("when", ["at the start", "before it starts", "while it runs"])
def test_an_unreadable_order_fails_with_the_reason_and_its_trials_train_on(
    database: Database, when: str
) -> None:
    study = opened(database)
    engine = AnalyticEngine(slots=2, packing=FUSED)
    order_id = run_until_an_order_trains(database, engine)
    damage_order(database, order_id)
    with database.read() as session:
        assert read_snapshot(session, study.id).study.id == study.id, "it can be shown"
    if when != "while it runs":
        engine = AnalyticEngine(slots=2, packing=FUSED)
    if when == "at the start":
        with database.write() as session:
            park_studies(session)
            reopen_orders(session)
    run_to_the_end(database, study, engine)
    with database.read() as session:
        row = session.get_one(OrderRow, order_id)
        assert row.state == OrderState.FAILED
        assert "names 'distil', which is not known here" in str(row.message)
        trials = read_snapshot(session, study.id).trials
    assert all(trial.state is not TrialState.FAIL for trial in trials)
    (failed,) = events_of(database, study, [EventKind.ORDER_FAILED])
    assert failed.data["order_id"] == order_id


@on_sqlite
def test_a_study_whose_check_names_an_optimizer_that_is_gone_is_refused_with_the_reason(
    database: Database,
) -> None:
    study = opened(database)
    run_until_an_order_trains(database, AnalyticEngine(slots=2, packing=FUSED))
    with database.write() as session:
        session.execute(text("UPDATE coordinate_checks SET optimizer = 'gone'"))
    words = "its coordinate check cannot be read: /0/optimizer names 'gone', which is not known"
    with database.read() as session, pytest.raises(StudyUnreadable, match=words):
        read_snapshot(session, study.id)


def test_a_study_with_an_unreadable_trial_is_paused_and_the_others_go_on(
    database: Database,
) -> None:
    broken, kept = opened(database, priority=9), opened(database)
    engine = AnalyticEngine(slots=2, packing=FUSED)
    run_until_an_order_trains(database, engine)
    with database.write() as session:
        session.execute(
            text("UPDATE trials SET optimizer = 'gone' WHERE study_id = :id AND number = 0"),
            {"id": broken.id},
        )
    run_to_the_end(database, kept, engine)
    state, reason = state_of(database, broken)
    assert state == StudyState.PAUSED
    assert "/0/optimizer names 'gone', which is not known here" in str(reason)


@on_sqlite
def test_text_that_is_no_json_is_unreadable_and_no_fault(database: Database) -> None:
    broken, kept = opened(database, priority=9), opened(database)
    with database.write() as session:
        session.execute(
            text("UPDATE studies SET spec = '{\"family\": ' WHERE id = :id"), {"id": broken.id}
        )
        session.execute(
            text("UPDATE study_events SET data = '{' WHERE study_id = :id"), {"id": broken.id}
        )
    run_to_the_end(database, kept, AnalyticEngine(slots=2, packing=FUSED))
    state, reason = state_of(database, broken)
    assert state == StudyState.PAUSED
    assert "it is not a JSON object: restore it from a backup" in str(reason)
    first, *_ = events_of(database, broken)
    assert first.data == {"unreadable": "'{'"}


def test_a_state_and_an_event_of_a_newer_release_are_listed(database: Database) -> None:
    study, kept = opened(database), opened(database)
    with database.write() as session:
        session.get_one(StudyRow, study.id).state = "archived"
        session.execute(text("UPDATE study_events SET kind = 'study.archived'"))
    with database.read() as session:
        page = list_studies(session, state=None, page_size=10, page_token=None)
        assert [(one.id, one.state) for one in page.unreadable] == [(study.id, "archived")]
        states = select(OrderRow.state).where(OrderRow.study_id == study.id)
        assert session.scalars(states).all() == []
    tick(database, AnalyticEngine(slots=2), wait_seconds=0.0)
    assert state_of(database, kept)[0] == StudyState.CHECKING
