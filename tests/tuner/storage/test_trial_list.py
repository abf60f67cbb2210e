"""Trials in pages: every one that a filter lets through, once, in order."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.tuner.analytic_engine import AnalyticEngine
from tests.tuner.stored_studies import snapshot_of, spec
from tuner.coordinator.reconcile import tick
from tuner.records.errors import BadPageToken
from tuner.records.snapshot import StudyRecord, StudySnapshot
from tuner.records.trials import TrialRecord
from tuner.spec.states import Purpose, StudyState, TrialState
from tuner.storage.requests import page_tokens
from tuner.storage.sql.database import Database
from tuner.storage.studies import open_study
from tuner.storage.trials.curves import Curve, curves_of, list_curves
from tuner.storage.trials.trial_list import TrialFilter, list_trials


@pytest.fixture
def measuring(database: Database) -> StudyRecord:
    """A study with trials in every state."""
    with database.write() as session:
        study, _ = open_study(session, spec(control="sp", search={"trials": 3, "batch_size": 3}))
    engine = AnalyticEngine(slots=2)
    while not _has_measured(snapshot_of(database, study)):
        tick(database, engine, wait_seconds=0)
    return study


def _has_measured(snapshot: StudySnapshot) -> bool:
    ended = [trial for trial in snapshot.trials if trial.purpose is Purpose.MEASURE]
    return snapshot.study.state is StudyState.MEASURING and any(t.is_final for t in ended)


FILTERS = st.builds(
    TrialFilter,
    state=st.lists(st.sampled_from(list(TrialState)), max_size=3),
    purpose=st.lists(st.sampled_from(list(Purpose)), max_size=2),
    optimizer=st.lists(st.sampled_from(["adamw", "sgd"]), max_size=2),
    width=st.lists(st.sampled_from([32, 64, 128, 7]), max_size=3),
)


@given(wanted=FILTERS, page_size=st.integers(1, 60))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_pages_hold_every_trial_that_passes_once_and_in_order(
    database: Database, measuring: StudyRecord, wanted: TrialFilter, page_size: int
) -> None:
    found: list[TrialRecord] = []
    token: str | None = None
    while True:
        with database.read() as session:
            page = list_trials(
                session, measuring.id, page_size=page_size, page_token=token, wanted=wanted
            )
        assert len(page.trials) <= page_size
        found += page.trials
        token = page.next_page_token
        if token is None:
            break
        assert len(page.trials) == page_size
    assert found == [
        trial
        for trial in snapshot_of(database, measuring).trials
        if all(
            not values or getattr(trial, field) in values
            for field, values in wanted._asdict().items()
        )
    ]


@given(page_size=st.integers(1, 30), metrics=st.sampled_from([None, ["train_loss"], ["nothing"]]))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pages_of_curves_hold_all_curves_of_so_many_trials(
    database: Database, measuring: StudyRecord, page_size: int, metrics: list[str] | None
) -> None:
    found: list[Curve] = []
    token: str | None = None
    while True:
        with database.read() as session:
            page = list_curves(
                session, measuring.id, page_size=page_size, page_token=token, metrics=metrics
            )
        assert len({curve.number for curve in page.curves}) <= page_size
        found += page.curves
        token = page.next_page_token
        if token is None:
            break
    with database.read() as session:
        assert tuple(found) == curves_of(session, measuring.id, metrics=metrics)


@given(number=st.integers(0, 2**31 - 1))
def test_a_number_comes_back_from_its_token(number: int) -> None:
    assert page_tokens.read_number(page_tokens.write_number(number)) == number


@given(token=st.text(max_size=20) | st.binary(max_size=12).map(bytes.hex))
def test_no_other_token_is_taken(token: str) -> None:
    with pytest.raises(BadPageToken):
        page_tokens.read_number(token)


@pytest.mark.parametrize("place", [[-1], [2**31], ["1"], [1.0], [True], [1, 2], [], None])
def test_a_token_of_no_trial_is_refused(place: object) -> None:
    with pytest.raises(BadPageToken):
        page_tokens.read_number(page_tokens._encoded(place))  # type: ignore[arg-type]
