"""Studies: opened once, listed in pages, moved along the legal moves and no others."""

import datetime as dt

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from tests.tuner.stored_studies import (
    events_of,
    progress,
    searching_study,
    snapshot_of,
    spec,
    study_in_training,
)
from tuner.engine.reports import Reached
from tuner.records.errors import BadPageToken, IdempotencyKeyReused, IllegalMove, StudyNotFound
from tuner.records.snapshot import StudyRecord
from tuner.spec.states import (
    ACTIVE_STUDY_STATES,
    FINAL_STUDY_STATES,
    LEGAL_MOVES,
    OrderState,
    StateReason,
    StudyState,
    TrialState,
)
from tuner.storage.commits import record_report
from tuner.storage.events import EventKind
from tuner.storage.requests import page_tokens
from tuner.storage.scheduling.active import ActiveStudies
from tuner.storage.sql.database import Database
from tuner.storage.sql.tables import OrderRow
from tuner.storage.studies import (
    cancel_study,
    get_study,
    move_study,
    open_study,
    pause_study,
    read_snapshot,
    resume_study,
)
from tuner.storage.study_list import list_studies

many_studies = settings(
    max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def opened(database: Database, **changes: object) -> StudyRecord:
    with database.write() as session:
        return open_study(session, spec(**changes))[0]


def test_a_study_is_stored_with_every_default_of_its_spec(database: Database) -> None:
    asked = spec(name="Größe", labels={"team": "a"}, priority=3)
    with database.write() as session:
        study, is_new = open_study(session, asked)
    assert is_new
    with database.read() as session:
        stored = get_study(session, study.id)
    assert stored == study
    assert stored.spec == asked
    assert (stored.state, stored.version, stored.shape) == (StudyState.QUEUED, 1, None)


def test_the_same_request_with_the_same_key_finds_its_study(database: Database) -> None:
    with database.write() as session:
        first, first_is_new = open_study(session, spec(), idempotency_key="k")
    with database.write() as session:
        again, again_is_new = open_study(session, spec(), idempotency_key="k")
    assert (first.id, first_is_new, again_is_new) == (again.id, True, False)
    assert len(events_of(database, first)) == 1


def test_another_request_with_a_used_key_is_refused_and_stores_nothing(database: Database) -> None:
    with database.write() as session:
        open_study(session, spec(), idempotency_key="k")
    with pytest.raises(IdempotencyKeyReused, match="'k'"), database.write() as session:
        open_study(session, spec(seed=1), idempotency_key="k")
    with database.read() as session:
        page = list_studies(session, state=None, page_size=10, page_token=None)
    assert len(page.studies) == 1


@pytest.mark.parametrize(
    "function", [get_study, read_snapshot, pause_study, resume_study, cancel_study]
)
def test_a_study_that_is_not_there_is_not_found(database: Database, function: object) -> None:
    assert callable(function)
    with pytest.raises(StudyNotFound, match="'std_0'"), database.write() as session:
        function(session, "std_0")


@pytest.mark.parametrize("page_size", [1, 2, 3, 7])
def test_pages_show_every_study_once_newest_first(database: Database, page_size: int) -> None:
    studies = [opened(database) for _ in range(6)]
    listed: list[StudyRecord] = []
    token = None
    with database.read() as session:
        while True:
            page = list_studies(session, state=None, page_size=page_size, page_token=token)
            listed += page.studies
            assert len(page.studies) <= page_size
            token = page.next_page_token
            if token is None:
                break
    assert listed == studies[::-1]


def test_studies_are_listed_by_state(database: Database) -> None:
    opened(database)
    cancelled = opened(database)
    with database.write() as session:
        cancelled = cancel_study(session, cancelled.id)
    with database.read() as session:
        page = list_studies(session, state=StudyState.CANCELLED, page_size=10, page_token=None)
    assert page.studies == (cancelled,)


@given(st.text() | st.text("abcdefghijklmnopqrstuvwxyzABCDEF0123456789-_="))
def test_a_token_that_was_not_given_is_refused(token: str) -> None:
    with pytest.raises(BadPageToken):
        page_tokens.read(token)


@given(st.datetimes(timezones=st.just(dt.UTC)), st.text("abcdef0123456789_", max_size=40))
def test_a_page_token_leads_to_its_place(created_at: dt.datetime, study_id: str) -> None:
    assert page_tokens.read(page_tokens.write(created_at, study_id)) == (created_at, study_id)


def test_active_studies_come_by_priority_then_age(database: Database) -> None:
    old, new, urgent, paused = (opened(database, priority=p) for p in (0, 0, 5, 9))
    with database.write() as session:
        pause_study(session, paused.id)
    with database.read() as session:
        assert [study.id for study in ActiveStudies().read(session)] == [urgent.id, old.id, new.id]


ACTIONS = {"pause": pause_study, "resume": resume_study, "cancel": cancel_study}


@given(actions=st.lists(st.sampled_from([*ACTIONS, *StudyState]), max_size=12))
@many_studies
def test_only_legal_moves_happen_each_with_exactly_one_event(
    database: Database, actions: list[str]
) -> None:
    study = opened(database)
    for action in actions:
        before = snapshot_of(database, study).study
        told = len(events_of(database, study))
        try:
            with database.write() as session:
                if action in ACTIONS:
                    ACTIONS[action](session, study.id)
                else:
                    move_study(session, study.id, StudyState(action))
            refused = False
        except IllegalMove:
            refused = True
        after = snapshot_of(database, study).study
        news = events_of(database, study)[told:]
        if after.state is before.state:
            assert after == before, "what does not move does not change"
            assert news == []
            assert refused or action in ACTIONS
        else:
            assert not refused
            assert after.state in LEGAL_MOVES[before.state]
            assert after.version == before.version + 1
            assert [(event.kind, event.data) for event in news] == [
                (
                    EventKind.STUDY_STATE,
                    {"from": before.state, "to": after.state, "reason": None},
                )
            ]
        assert (after.finished_at is not None) == (after.state in FINAL_STUDY_STATES)
        goes_on = after.state in (StudyState.PAUSED, StudyState.FAILED)
        assert (after.resume_state is not None) == goes_on


@pytest.mark.parametrize("state", sorted(ACTIVE_STUDY_STATES))
def test_a_paused_study_resumes_to_where_it_was(database: Database, state: StudyState) -> None:
    study = opened(database)
    path = [StudyState.CHECKING, StudyState.SEARCHING, StudyState.MEASURING]
    with database.write() as session:
        for step in path[: path.index(state) + 1 if state in path else 0]:
            move_study(session, study.id, step)
        paused = pause_study(session, study.id)
        assert pause_study(session, study.id) == paused, "pausing twice is pausing once"
        resumed = resume_study(session, study.id)
        assert resume_study(session, study.id) == resumed, "resuming twice is resuming once"
    assert (paused.state, paused.resume_state, resumed.state) == (StudyState.PAUSED, state, state)


def order_states(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.scalars(select(OrderRow.state)))


def test_pausing_cancels_open_orders_and_keeps_the_trials(database: Database) -> None:
    study, order = study_in_training(database, trials=2)
    with database.write() as session:
        pause_study(session, study.id)
    assert order_states(database) == [OrderState.CANCELLED]
    snapshot = snapshot_of(database, study)
    assert snapshot.open_orders == ()
    assert [trial.state for trial in snapshot.trials] == [TrialState.RUNNING] * 2
    with database.write() as session:  # the slot had something to say before it was stopped
        report = Reached(order_id=order.id, attempt=1, trials=(progress(0, 2),))
        assert record_report(session, report) == ()
    assert snapshot_of(database, study) == snapshot


def test_cancelling_ends_every_trial_that_has_not_ended(database: Database) -> None:
    study, order = study_in_training(database, trials=2)
    with database.write() as session:
        record_report(session, Reached(order_id=order.id, attempt=1, trials=(progress(0, 8),)))
        cancelled = cancel_study(session, study.id)
        assert cancel_study(session, study.id) == cancelled, "cancelling twice is cancelling once"
    assert order_states(database) == [OrderState.CANCELLED]
    complete, cut_off = snapshot_of(database, study).trials
    assert complete.state is TrialState.COMPLETE
    assert (cut_off.state, cut_off.state_reason) == (TrialState.FAIL, StateReason.CANCELLED)
    told = events_of(database, study, [EventKind.TRIAL_STATE])
    assert [event.data["number"] for event in told] == [0, 1]


def test_a_study_that_fails_leaves_nothing_open(database: Database) -> None:
    study, _ = study_in_training(database)
    with database.write() as session:
        failed = move_study(session, study.id, StudyState.FAILED, reason="no\x00 luck")
    assert failed.reason == "no\ufffd luck"
    assert failed.finished_at is not None
    assert order_states(database) == [OrderState.CANCELLED]
    assert snapshot_of(database, study).trials[0].state is TrialState.FAIL


def test_a_snapshot_is_of_its_study_alone(database: Database) -> None:
    study, _ = study_in_training(database, trials=2)
    other = searching_study(database, trials=1)
    assert len(snapshot_of(database, study).trials) == 2
    assert len(snapshot_of(database, other).trials) == 1
    assert snapshot_of(database, other).open_orders == ()
