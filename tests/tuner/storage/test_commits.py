"""What the coordinator writes: decisions once, reports once."""

import pytest
from sqlalchemy import select

from tests.tuner.stored_studies import (
    SHAPE,
    check_order,
    checking_study,
    decide,
    describe_order,
    events_of,
    new_trial,
    progress,
    searching_study,
    snapshot_of,
    statistic,
    study_in_training,
    train_order,
    trial_of,
)
from tuner.engine.reports import Done, Failed, Lost, Reached
from tuner.records.decision import Decision, Promotion, TrialEnding
from tuner.records.errors import StudyMoved
from tuner.spec.states import OrderState, StateReason, StudyState, TrialState
from tuner.storage.commits import commit_decision, record_report
from tuner.storage.events import EventKind
from tuner.storage.sql.database import Database
from tuner.storage.sql.tables import OrderRow
from tuner.storage.studies import pause_study


def store(database: Database, report: Reached | Done | Failed | Lost) -> tuple[str, ...]:
    with database.write() as session:
        return record_report(session, report)


def order_states(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.scalars(select(OrderRow.state).order_by(OrderRow.id)))


# Decisions


def test_new_trials_are_numbered_on_and_start_out_waiting(database: Database) -> None:
    study = searching_study(database, trials=2)
    note = {"sampler": [1, {"x": None}]}
    decide(database, study, Decision(new_trials=(new_trial(0.5, system_attrs=note),)))
    trials = snapshot_of(database, study).trials
    assert [trial.number for trial in trials] == [0, 1, 2]
    assert {trial.state for trial in trials} == {TrialState.WAITING}
    assert (trials[2].params, trials[2].system_attrs) == ({"learning_rate": 0.5}, note)


def test_an_order_is_open_and_its_trials_run(database: Database) -> None:
    study, order = study_in_training(database, trials=2)
    snapshot = snapshot_of(database, study)
    assert [(one.order, one.losses) for one in snapshot.open_orders] == [(order, 0)]
    assert [trial.state for trial in snapshot.trials] == [TrialState.RUNNING] * 2
    assert all(trial.started_at is not None for trial in snapshot.trials)


def test_endings_and_promotions_are_stored(database: Database) -> None:
    study = searching_study(database, trials=2)
    ending = TrialEnding(number=0, state=TrialState.PRUNED, message="worse than the median")
    promotion = Promotion(number=1, system_attrs={"rung": 1})
    decide(database, study, Decision(endings=(ending,), promotions=(promotion,)))
    pruned, promoted = snapshot_of(database, study).trials
    assert (pruned.state, pruned.message) == (TrialState.PRUNED, "worse than the median")
    assert (promoted.state, promoted.system_attrs) == (TrialState.WAITING, {"rung": 1})
    assert len(events_of(database, study, [EventKind.TRIAL_STATE])) == 1


def test_a_decision_about_a_study_that_moved_stores_nothing(database: Database) -> None:
    study = searching_study(database)
    with database.write() as session:
        pause_study(session, study.id)
    before = snapshot_of(database, study)
    with pytest.raises(StudyMoved):
        decide(database, study, Decision(new_trials=(new_trial(),)))
    assert snapshot_of(database, study) == before


def test_a_decision_about_a_trial_that_ended_stores_nothing(database: Database) -> None:
    study = searching_study(database)
    ending = TrialEnding(number=0, state=TrialState.PRUNED)
    decide(database, study, Decision(endings=(ending,)))
    before = snapshot_of(database, study)
    for stale in (
        Decision(endings=(ending,)),
        Decision(promotions=(Promotion(number=0, system_attrs={}),)),
        Decision(new_trials=(new_trial(),), orders=(train_order(study, [0]),)),
    ):
        with pytest.raises(StudyMoved):
            decide(database, study, stale)
    assert snapshot_of(database, study) == before


def test_leaving_the_check_is_told_with_its_verdict(database: Database) -> None:
    study = checking_study(database)
    study = decide(database, study, Decision(move_to=StudyState.SEARCHING, reason="all flat"))
    assert (study.state, study.reason) == (StudyState.SEARCHING, "all flat")
    told = events_of(database, study, [EventKind.CHECK_FINISHED])
    assert [event.data for event in told] == [{"summary": "all flat"}]


def test_an_order_of_a_decision_may_train_its_new_trials(database: Database) -> None:
    study = searching_study(database, trials=1)
    with database.write() as session:
        orders = (train_order(study, [1]),)
        commit_decision(session, study, Decision(new_trials=(new_trial(),), orders=orders))
    assert trial_of(database, study, 1).state is TrialState.RUNNING


# Reports


def test_a_rung_is_stored_and_frees_the_checkpoint_before(database: Database) -> None:
    study, order = study_in_training(database)
    assert store(database, Reached(order_id=order.id, attempt=1, trials=(progress(0, 2),))) == ()
    second = Reached(order_id=order.id, attempt=1, trials=(progress(0, 4, first=3, loss=0.25),))
    assert store(database, second) == ("file:///c/0/2",)
    trial = trial_of(database, study)
    assert (trial.step, trial.checkpoint, trial.value) == (4, "file:///c/0/4", None)
    assert trial.intermediate_values == {2: 0.5, 4: 0.25}
    assert trial.validation_loss == 0.35
    told = events_of(database, study, [EventKind.TRIAL_PROGRESS])
    assert [event.data for event in told] == [
        {"number": 0, "step": 2, "loss": 0.5},
        {"number": 0, "step": 4, "loss": 0.25},
    ]


def test_a_trial_that_reached_the_last_step_is_complete(database: Database) -> None:
    study, order = study_in_training(database)
    store(database, Reached(order_id=order.id, attempt=1, trials=(progress(0, 4),)))
    stale = store(database, Done(order_id=order.id, attempt=1, trials=(progress(0, 8),)))
    assert set(stale) == {"file:///c/0/4", "file:///c/0/8"}
    trial = trial_of(database, study)
    assert (trial.state, trial.value, trial.checkpoint) == (TrialState.COMPLETE, 0.5, None)
    assert trial.finished_at is not None
    assert order_states(database) == [OrderState.DONE]


def test_an_order_that_ends_at_a_rung_leaves_its_trial_running(database: Database) -> None:
    study, order = study_in_training(database, rungs=(2, 4))
    store(database, Done(order_id=order.id, attempt=1, trials=(progress(0, 4),)))
    trial = trial_of(database, study)
    assert (trial.state, trial.step, trial.checkpoint) == (TrialState.RUNNING, 4, "file:///c/0/4")
    assert order_states(database) == [OrderState.DONE]


def test_a_diverged_trial_is_pruned_with_its_step_and_rate(database: Database) -> None:
    study, order = study_in_training(database)
    store(database, Reached(order_id=order.id, attempt=1, trials=(progress(0, 2),)))
    report = Done(order_id=order.id, attempt=1, trials=(progress(0, 3, diverged=True),))
    assert store(database, report) == ("file:///c/0/2",)
    trial = trial_of(database, study)
    assert (trial.state, trial.state_reason) == (TrialState.PRUNED, StateReason.DIVERGED)
    assert trial.message == "diverged at step 3 with learning rate 0.01 at the base width"
    assert (trial.value, trial.validation_loss, trial.checkpoint) == (None, None, None)
    assert trial.intermediate_values == {2: 0.5}


def test_a_trial_that_diverges_at_its_last_step_is_not_complete(database: Database) -> None:
    study, order = study_in_training(database)
    report = Done(order_id=order.id, attempt=1, trials=(progress(0, 8, diverged=True),))
    store(database, report)
    assert trial_of(database, study).state is TrialState.PRUNED


def test_a_trial_that_has_ended_is_not_reported_on_again(database: Database) -> None:
    study, order = study_in_training(database)
    diverged = progress(0, 2, diverged=True)
    store(database, Reached(order_id=order.id, attempt=1, trials=(diverged,)))
    before = snapshot_of(database, study)
    assert store(database, Reached(order_id=order.id, attempt=1, trials=(progress(0, 4),))) == ()
    assert snapshot_of(database, study) == before


def test_a_study_waits_while_what_it_was_made_with_is_another_thing(database: Database) -> None:
    study, order = study_in_training(database, trials=2)
    words = "/data/a.txt has changed: put it back"
    failed = Failed(order_id=order.id, attempt=1, reason=StateReason.CHANGED, message=words)
    store(database, failed)
    store(database, failed)
    parked = snapshot_of(database, study)
    assert (parked.study.state, parked.study.resume_state) == (StudyState.PAUSED, study.state)
    assert parked.study.reason == f"{words}; then resume the study"
    assert {trial.state for trial in parked.trials} <= {TrialState.WAITING, TrialState.RUNNING}
    assert order_states(database) == [OrderState.FAILED]


def test_a_failed_order_fails_its_unfinished_trials(database: Database) -> None:
    study, order = study_in_training(database, trials=2)
    store(database, Reached(order_id=order.id, attempt=1, trials=(progress(0, 8),)))
    reason = StateReason.OUT_OF_MEMORY
    store(database, Failed(order_id=order.id, attempt=1, reason=reason, message="needs 9 GB\ud800"))
    complete, failed = snapshot_of(database, study).trials
    assert complete.state is TrialState.COMPLETE
    assert (failed.state, failed.state_reason) == (TrialState.FAIL, reason)
    assert failed.message == "needs 9 GB?"
    assert order_states(database) == [OrderState.FAILED]
    assert len(events_of(database, study, [EventKind.ORDER_FAILED])) == 1


@pytest.mark.parametrize("build", [describe_order, check_order])
def test_a_study_cannot_do_without_its_description_and_check(
    database: Database, build: type
) -> None:
    study = checking_study(database)
    order = build(study)
    decide(database, study, Decision(orders=(order, build(study, "other"))))
    failed = Failed(order_id=order.id, attempt=1, reason=StateReason.ERROR, message="no such norm")
    store(database, failed)
    stored = snapshot_of(database, study).study
    assert stored.state is StudyState.FAILED
    assert stored.reason == f"the study's {order.kind} order failed (error): no such norm"
    assert order_states(database) == [OrderState.FAILED, OrderState.CANCELLED]


def test_a_description_is_stored_with_the_study(database: Database) -> None:
    study = checking_study(database)
    order = describe_order(study)
    decide(database, study, Decision(orders=(order,)))
    store(database, Done(order_id=order.id, attempt=1, shape=SHAPE))
    assert snapshot_of(database, study).study.shape == SHAPE


def test_statistics_are_stored_once_per_place(database: Database) -> None:
    study = checking_study(database)
    for name in ("first", "again"):
        order = check_order(study, name)
        decide(database, study, Decision(orders=(order,)))
        statistics = (statistic(seed=0), statistic(seed=1))
        store(database, Done(order_id=order.id, attempt=1, statistics=statistics))
    stored = snapshot_of(database, study).statistics
    assert [(one.optimizer, one.width, one.seed) for one in stored] == [
        ("adamw", 64, 0),
        ("adamw", 64, 1),
    ]


def test_the_fourth_loss_gives_an_order_up(database: Database) -> None:
    study, order = study_in_training(database)
    for attempt in (1, 2, 3):
        store(database, Lost(order_id=order.id, attempt=attempt, message="killed"))
        (again,) = snapshot_of(database, study).open_orders
        assert (again.order.attempt, again.losses) == (attempt + 1, attempt)
    store(database, Lost(order_id=order.id, attempt=4, message="killed"))
    trial = trial_of(database, study)
    assert (trial.state, trial.state_reason) == (TrialState.FAIL, StateReason.WORKER_LOST)
    assert trial.message == "the worker running this trial died 4 times, the last time: killed"
    assert order_states(database) == [OrderState.FAILED]
    assert len(events_of(database, study, [EventKind.ORDER_LOST])) == 4


def test_what_a_slot_is_to_blame_for_gives_up_no_order(database: Database) -> None:
    study, order = study_in_training(database)
    for attempt in range(1, 11):
        store(
            database,
            Lost(order_id=order.id, attempt=attempt, message="no such device", is_of_slot=True),
        )
    (again,) = snapshot_of(database, study).open_orders
    assert (again.order.attempt, again.losses) == (11, 0)


def test_a_check_lost_four_times_fails_the_study(database: Database) -> None:
    study = checking_study(database)
    order = check_order(study)
    decide(database, study, Decision(orders=(order,)))
    for attempt in (1, 2, 3, 4):
        store(database, Lost(order_id=order.id, attempt=attempt, message="killed"))
    stored = snapshot_of(database, study).study
    assert stored.state is StudyState.FAILED
    assert "died 4 times" in (stored.reason or "")
