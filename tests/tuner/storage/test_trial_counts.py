"""Counts of trials: those of all trials at any moment, whoever changes them."""

import datetime as dt
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from tests.tuner.analytic_engine import AnalyticEngine
from tests.tuner.stored_studies import assert_counted, snapshot_of, spec
from tuner.coordinator.reconcile import tick
from tuner.records.trial_counts import TrialChange, TrialCounts, TrialFacts, count_trials
from tuner.spec.states import ACTIVE_STUDY_STATES, Purpose, StateReason, StudyState, TrialState
from tuner.storage.sql.database import Database
from tuner.storage.sql.tables import StudyRow
from tuner.storage.studies import (
    cancel_study,
    get_study,
    open_study,
    pause_study,
)
from tuner.storage.trials.trial_counts import counts_of, forget_counts

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
ENDINGS = [
    (TrialState.COMPLETE, None),
    (TrialState.PRUNED, StateReason.DIVERGED),
    (TrialState.FAIL, StateReason.CANCELLED),
]


@pytest.mark.parametrize("stop", [pause_study, cancel_study, None])
def test_the_counts_of_a_study_are_those_of_its_trials(database: Database, stop: object) -> None:
    with database.write() as session:
        study, _ = open_study(session, spec(search={"trials": 4, "batch_size": 2}))
    engine = AnalyticEngine(slots=3, losing=0.2)
    for turn in range(200):
        tick(database, engine, wait_seconds=0)
        snapshot = snapshot_of(database, study)
        if snapshot.trials:
            assert_counted(snapshot)
        if callable(stop) and turn == 25:
            with database.write() as session:
                stop(session, study.id)
            assert_counted(snapshot_of(database, study))
            return
        if snapshot.study.state is StudyState.COMPLETED:
            return


def test_a_study_that_an_older_release_left_uncounted_is_counted_when_it_is_asked(
    database: Database,
) -> None:
    with database.write() as session:
        study, _ = open_study(session, spec(search={"trials": 2, "batch_size": 2}))
    engine = AnalyticEngine(slots=2)
    for _ in range(12):
        tick(database, engine, wait_seconds=0)
    before = snapshot_of(database, study)
    assert before.trials
    with database.write() as session:
        forget_counts(session, ACTIVE_STUDY_STATES)
    with database.read() as session:
        forgotten = get_study(session, study.id)
        assert forgotten.counts is None
        assert counts_of(session, forgotten) == before.study.counts
    while snapshot_of(database, study).study.counts is None:
        tick(database, engine, wait_seconds=0)
    assert_counted(snapshot_of(database, study))


def test_counts_of_a_newer_release_are_read(database: Database) -> None:
    with database.write() as session:
        study, _ = open_study(session, spec())
        newer = {"groups": [], "median_loss": 3.0}
        session.execute(update(StudyRow).where(StudyRow.id == study.id).values(counts=newer))
    assert snapshot_of(database, study).study.counts == TrialCounts()


class Life:
    """One trial as it is asked for, starts, trains and ends."""

    def __init__(self, purpose: Purpose, width: int) -> None:
        self.at = TrialFacts(purpose, width, TrialState.WAITING, None, 0, None, None, None)

    def go_on(self, now: dt.datetime, ending: int) -> None:
        if self.at.state is TrialState.WAITING and ending < 2:
            self.at = self.at._replace(state=TrialState.RUNNING, started_at=now)
        elif self.at.state is TrialState.RUNNING and self.at.step < 3:
            self.at = self.at._replace(step=self.at.step + 1)
        elif self.at.finished_at is None:
            state, reason = ENDINGS[ending]
            value = 2.0 + self.at.width if state is TrialState.COMPLETE else None
            self.at = self.at._replace(state=state, reason=reason, value=value, finished_at=now)


@given(
    changes=st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 2), st.integers(0, 5)), max_size=60
    )
)
def test_counting_changes_equals_counting_all_trials(changes: list[tuple[int, int, int]]) -> None:
    purposes = [Purpose.SEARCH, Purpose.MEASURE]
    lives = [Life(purposes[i % 2], 32 * (1 + i % 3)) for i in range(6)]
    counts, now = TrialCounts(), START
    noted: list[TrialChange] = [(None, life.at) for life in lives]
    counts = counts.changed(noted)
    shown = [counts]
    for which, ending, seconds in changes:
        now += dt.timedelta(seconds=seconds)
        before = lives[which].at
        lives[which].go_on(now, ending)
        noted.append((before, lives[which].at))
        counts = counts.changed(noted[-1:])
        whole = count_trials(life.at for life in lives)
        assert counts.busy_until(now) == pytest.approx(whole.busy_until(now))
        busy = {"busy_seconds": 0.0, "busy_since": None}
        assert counts.model_copy(update=busy) == whole.model_copy(update=busy)
        shown.append(counts)
    assert TrialCounts().changed(noted) == counts  # many at once, as a transaction counts them
    for earlier, after in pairwise(shown):
        assert after.finished >= earlier.finished
        assert after.trials == earlier.trials == 6
