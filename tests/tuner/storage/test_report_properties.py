"""Whatever is reported, however often and however late: each step once, each end once."""

import itertools
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.tuner.stored_studies import (
    RUNGS,
    assert_counted,
    events_of,
    progress,
    snapshot_of,
    study_in_training,
)
from tuner.engine.orders import AnyOrder
from tuner.engine.reports import Done, Failed, Lost, Reached, Report
from tuner.records.snapshot import StudyRecord
from tuner.records.trials import TrialRecord
from tuner.spec.states import StateReason, TrialState
from tuner.storage.commits import record_reports, reopen_orders
from tuner.storage.events import EventKind
from tuner.storage.sql.database import Database
from tuner.storage.trials.curves import Curve, curves_of

TRIALS = 2


@st.composite
def reports(draw: st.DrawFn) -> dict[str, Any]:
    """Anything an engine might send: of this attempt or an older one, with steps told before."""
    trials = tuple(
        progress(
            number,
            draw(st.sampled_from(RUNGS)),
            first=draw(st.integers(1, 3)),
            diverged=draw(st.sampled_from([False, False, True])),
            loss=draw(st.sampled_from([0.25, 0.5])),
        )
        for number in draw(st.sets(st.integers(0, TRIALS)))  # the last one is not in the order
    )
    kinds = ["reached"] * 6 + ["done", "failed", "lost", "reopen"]
    return {
        "kind": draw(st.sampled_from(kinds)),
        "age": draw(st.sampled_from([0, 0, 0, 0, 1])),
        "trials": trials,
        "is_known": draw(st.booleans()),
        "times": draw(st.sampled_from([1, 1, 2])),
    }


def send(
    database: Database,
    attempt: int,
    order: AnyOrder,
    report: dict[str, Any],
) -> None:
    """Store the report; the order as it was started is known to whoever stores it, or is not."""
    address = {"order_id": order.id, "attempt": attempt}
    reports: dict[str, Report] = {
        "reached": Reached(trials=report["trials"], **address),
        "done": Done(trials=report["trials"], **address),
        "failed": Failed(reason=StateReason.ERROR, message="no", **address),
        "lost": Lost(message="killed", **address),
    }
    started = {order.id: order} if report["is_known"] else {}
    with database.write() as session:
        if report["kind"] == "reopen":
            reopen_orders(session)
        else:
            record_reports(session, [reports[report["kind"]]] * report["times"], started)


def stored_curves(database: Database, study: StudyRecord) -> dict[tuple[int, str], Curve]:
    with database.read() as session:
        curves = curves_of(session, study.id)
    return {(curve.number, curve.metric): curve for curve in curves}


def assert_only_grew(
    before: dict[tuple[int, str], Curve], after: dict[tuple[int, str], Curve]
) -> None:
    for key, curve in after.items():
        assert all(a < b for a, b in itertools.pairwise(curve.steps)), "no step twice, ascending"
        assert len(curve.steps) == len(curve.values)
        if key in before:
            size = len(before[key].steps)
            assert (curve.steps[:size], curve.values[:size]) == (
                before[key].steps,
                before[key].values,
            )


def assert_legal(before: TrialRecord, after: TrialRecord) -> None:
    if before.is_final:
        assert after == before, "what has ended never changes"
        return
    assert after.step >= before.step
    assert set(before.intermediate_values) <= set(after.intermediate_values)
    if after.state is TrialState.COMPLETE:
        assert after.step == RUNGS[-1]
        assert after.value == after.intermediate_values[RUNGS[-1]]
    else:
        assert after.value is None


@given(told=st.lists(reports(), min_size=3, max_size=10))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_interleaving_of_reports_stores_each_step_and_each_end_once(
    database: Database, told: list[dict[str, Any]]
) -> None:
    study, order = study_in_training(database, trials=TRIALS)
    attempt = 1
    started: AnyOrder = order
    curves: dict[tuple[int, str], Curve] = {}
    for report in told:
        before = snapshot_of(database, study)
        sent_as = attempt - report["age"]
        send(database, sent_as, started, report)
        after = snapshot_of(database, study)
        for trial, changed in zip(before.trials, after.trials, strict=True):
            assert_legal(trial, changed)
        assert_counted(after)
        now = stored_curves(database, study)
        assert_only_grew(curves, now)
        if report["age"] and report["kind"] != "reopen":
            assert after == before, "an old attempt is not heard"
        if report["kind"] != "reopen":
            events = len(events_of(database, study))
            send(database, sent_as, started, report)
            assert snapshot_of(database, study) == after, "the second time changes nothing"
            assert stored_curves(database, study) == now
            assert len(events_of(database, study)) == events
        curves = now
        if after.open_orders:
            started = after.open_orders[0].order
            attempt = started.attempt
    ended = [trial.number for trial in snapshot_of(database, study).trials if trial.is_final]
    endings = events_of(database, study, [EventKind.TRIAL_STATE])
    assert sorted(event.data["number"] for event in endings) == ended, "each end is told once"
