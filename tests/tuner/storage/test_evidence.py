"""Stored evidence: what an answer reads, or computes where nothing fit is stored."""

import pytest
from sqlalchemy import func, select, update

from tests.tuner.analytic_engine import AnalyticEngine
from tests.tuner.stored_studies import snapshot_of, spec
from tuner.coordinator.evidence_refresh import EvidenceRefresh
from tuner.coordinator.memory import Memory
from tuner.coordinator.reconcile import tick
from tuner.evidence.study_evidence import EVIDENCE_VERSION, StudyEvidence, study_evidence
from tuner.records.snapshot import StudyRecord
from tuner.spec.states import StudyState
from tuner.storage.evidence import EvidenceAge, evidence_ages, read_evidence, read_summary
from tuner.storage.sql.database import Database
from tuner.storage.sql.tables import StudyEvidenceRow
from tuner.storage.studies import cancel_study, get_study, open_study, pause_study


class Coordinated:
    """A study, and a coordinator turned by hand whose clock goes on by a second a turn."""

    def __init__(self, database: Database) -> None:
        self.database = database
        with database.write() as session:
            asked = spec(search={"trials": 4, "batch_size": 2})
            self.id = open_study(session, asked)[0].id
        self.engine = AnalyticEngine(slots=3)
        self.seconds = 0.0
        self.refresh = EvidenceRefresh(database, self.clock)

    def clock(self) -> float:
        self.seconds += 1.0
        return self.seconds

    @property
    def study(self) -> StudyRecord:
        with self.database.read() as session:
            return get_study(session, self.id)

    def train(self, until: StudyState, *, refreshing: bool) -> None:
        memory = Memory()
        for _ in range(500):
            if self.study.state is until:
                return
            tick(self.database, self.engine, wait_seconds=0, memory=memory)
            if refreshing:
                self.refresh.turn()
        raise AssertionError("the study does not get there")

    def settle(self) -> None:
        """Turn until nothing is old."""
        for _ in range(50):
            self.refresh.turn()

    def computed(self) -> StudyEvidence:
        return study_evidence(snapshot_of(self.database, self.study))

    def read(self) -> StudyEvidence:
        with self.database.read() as session:
            study = get_study(session, self.id)
            evidence = read_evidence(session, study)
            assert evidence.summary == read_summary(session, study)
            return evidence

    def age(self) -> EvidenceAge:
        with self.database.read() as session:
            (age,) = evidence_ages(session)
        return age

    def change(self, **values: object) -> None:
        with self.database.write() as session:
            session.execute(update(StudyEvidenceRow).values(values))


@pytest.fixture
def coordinated(database: Database) -> Coordinated:
    return Coordinated(database)


def test_the_stored_evidence_is_what_all_trials_say(coordinated: Coordinated) -> None:
    coordinated.train(StudyState.COMPLETED, refreshing=True)
    coordinated.settle()
    assert not coordinated.age().is_old
    assert coordinated.read() == coordinated.computed()
    assert coordinated.read().summary.finished_trials == len(
        snapshot_of(coordinated.database, coordinated.study).trials
    )


def test_a_coordinator_that_died_between_reports_and_evidence_leaves_it_to_the_next(
    coordinated: Coordinated,
) -> None:
    coordinated.train(StudyState.MEASURING, refreshing=True)
    coordinated.train(StudyState.COMPLETED, refreshing=False)
    age = coordinated.age()
    assert age.is_old
    assert age.has_ended
    assert coordinated.read() == coordinated.computed(), "an answer misses nothing meanwhile"
    coordinated.refresh = EvidenceRefresh(coordinated.database, coordinated.clock)
    coordinated.settle()
    assert not coordinated.age().is_old
    assert coordinated.read() == coordinated.computed()


def test_while_trials_run_an_answer_may_be_as_old_as_its_number_of_trials_says(
    coordinated: Coordinated,
) -> None:
    coordinated.train(StudyState.MEASURING, refreshing=False)
    coordinated.settle()
    before = coordinated.read()
    for _ in range(12):
        tick(coordinated.database, coordinated.engine, wait_seconds=0)
    counts = coordinated.study.counts
    assert counts is not None
    assert coordinated.read() == before
    assert before.summary.finished_trials < counts.finished
    coordinated.settle()
    assert coordinated.read() == coordinated.computed()


@pytest.mark.parametrize(
    "stored",
    [
        {"version": EVIDENCE_VERSION - 1, "summary": "{}", "curves": "[]"},
        {"version": EVIDENCE_VERSION + 1, "summary": '{"later": 1}', "curves": "{}"},
    ],
)
def test_evidence_of_another_version_is_not_read_and_computed_again(
    coordinated: Coordinated, stored: dict[str, object]
) -> None:
    coordinated.train(StudyState.COMPLETED, refreshing=True)
    coordinated.settle()
    coordinated.change(**stored)
    assert coordinated.age().is_old
    assert coordinated.read() == coordinated.computed()
    coordinated.refresh = EvidenceRefresh(coordinated.database, coordinated.clock)
    coordinated.settle()
    assert not coordinated.age().is_old
    with coordinated.database.read() as session:
        assert session.scalar(select(StudyEvidenceRow.version)) == EVIDENCE_VERSION


def test_evidence_that_cannot_be_read_is_computed(coordinated: Coordinated) -> None:
    coordinated.train(StudyState.COMPLETED, refreshing=True)
    coordinated.settle()
    coordinated.change(summary="{}", curves="[1]")
    assert coordinated.read() == coordinated.computed()


def test_a_study_that_is_stopped_shows_all_that_it_learned(coordinated: Coordinated) -> None:
    coordinated.train(StudyState.MEASURING, refreshing=True)
    for stop in (pause_study, cancel_study):
        with coordinated.database.write() as session:
            stop(session, coordinated.id)
        assert coordinated.read() == coordinated.computed()
        assert coordinated.age().phase_ended
        coordinated.settle()
        assert not coordinated.age().is_old
        assert coordinated.read() == coordinated.computed()


def test_before_there_are_trials_nothing_is_stored(coordinated: Coordinated) -> None:
    coordinated.train(StudyState.CHECKING, refreshing=True)
    coordinated.settle()
    with coordinated.database.read() as session:
        assert session.scalar(select(func.count()).select_from(StudyEvidenceRow)) == 0
    assert coordinated.read().summary.trials == 0
