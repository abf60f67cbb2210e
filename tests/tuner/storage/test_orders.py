"""Orders reissued to an engine that knows none of them, from what their trials have stored."""

from sqlalchemy import select

from tests.tuner.stored_studies import progress, snapshot_of, study_in_training
from tuner.engine.checkpoints import Checkpoint
from tuner.engine.orders import TrainOrder
from tuner.engine.reports import Reached
from tuner.spec.states import OrderState
from tuner.storage.commits import record_report, reopen_orders
from tuner.storage.orders import open_order_ids, read_order
from tuner.storage.sql.database import Database
from tuner.storage.sql.tables import OrderRow, TrialRow


def store(database: Database, report: Reached) -> None:
    with database.write() as session:
        record_report(session, report)


def order_states(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.scalars(select(OrderRow.state).order_by(OrderRow.id)))


def reopened(database: Database) -> list[TrainOrder]:
    with database.write() as session:
        reopen_orders(session)
    with database.read() as session:
        orders = [read_order(session, order_id) for order_id in open_order_ids(session)]
    return [order for order in orders if isinstance(order, TrainOrder)]


def test_a_reopened_order_goes_on_from_what_is_stored(database: Database) -> None:
    _, order = study_in_training(database)
    assert [(one.attempt, one.rungs) for one in reopened(database)] == [(2, (2, 4, 8))]
    store(database, Reached(order_id=order.id, attempt=2, trials=(progress(0, 2),)))
    (again,) = reopened(database)
    assert (again.attempt, again.rungs) == (3, (4, 8))
    assert again.trials[0].start == Checkpoint(step=2, uri="file:///c/0/2")


def test_trials_that_ended_or_stand_at_the_goal_drop_out_of_a_reopened_order(
    database: Database,
) -> None:
    _, order = study_in_training(database, trials=3, rungs=(2, 4))
    trials = (progress(0, 3, diverged=True), progress(1, 4), progress(2, 2))
    store(database, Reached(order_id=order.id, attempt=1, trials=trials))
    (again,) = reopened(database)
    assert [trial.spec.number for trial in again.trials] == [2]
    assert again.rungs == (4,)


def test_a_reopened_order_without_trials_is_done(database: Database) -> None:
    _, order = study_in_training(database, rungs=(2, 4))
    store(database, Reached(order_id=order.id, attempt=1, trials=(progress(0, 4),)))
    assert reopened(database) == []
    assert order_states(database) == [OrderState.DONE]


def test_reopening_is_no_loss(database: Database) -> None:
    study, _ = study_in_training(database)
    for _ in range(5):
        reopened(database)
    (order,) = snapshot_of(database, study).open_orders
    assert (order.order.attempt, order.losses) == (6, 0)


def test_orders_of_all_studies_are_open(database: Database) -> None:
    orders = [study_in_training(database)[1] for _ in range(2)]
    with database.read() as session:
        assert [read_order(session, one) for one in open_order_ids(session)] == orders


def test_orders_and_trials_that_an_older_release_stored_with_paths_go_on(
    database: Database,
) -> None:
    study, order = study_in_training(database)
    store(database, Reached(order_id=order.id, attempt=1, trials=(progress(0, 2),)))
    reopened(database)
    with database.write() as session:
        row = session.get_one(OrderRow, order.id)
        (trial,) = row.payload["trials"]
        old = trial | {"start": {"step": 2, "path": "/c/0/2.pt"}}
        unnumbered = {key: value for key, value in row.payload.items() if key != "format"}
        row.payload = unnumbered | {"trials": [old]}
        session.get_one(TrialRow, (study.id, 0)).checkpoint = "/c/0/2.pt"
    with database.read() as session:
        stored = read_order(session, order.id)
    for one in (stored, *reopened(database)):
        assert isinstance(one, TrainOrder)
        assert one.trials[0].start == Checkpoint(step=2, uri="file:///c/0/2.pt")
    with database.write() as session:
        report = Reached(order_id=order.id, attempt=3, trials=(progress(0, 4, first=3),))
        assert record_report(session, report) == ("file:///c/0/2.pt",)
