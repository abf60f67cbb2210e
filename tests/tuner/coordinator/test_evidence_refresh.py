"""When evidence is summarised: a tenth of the time at most, and at once when a phase ends."""

from collections.abc import Collection
from itertools import pairwise

import pytest
from sqlalchemy.orm import Session

from tests.tuner.analytic_engine import AnalyticEngine
from tests.tuner.stored_studies import spec
from tuner.coordinator import evidence_refresh
from tuner.coordinator.evidence_refresh import LOOK_SECONDS, REST, EvidenceRefresh
from tuner.coordinator.reconcile import tick
from tuner.evidence.sensitivity import CurveFits
from tuner.evidence.study_evidence import StudyEvidence, study_evidence
from tuner.records.snapshot import StudySnapshot
from tuner.spec.states import StudyState
from tuner.storage.evidence import EvidenceAge, evidence_ages
from tuner.storage.sql.database import Database
from tuner.storage.studies import get_study, open_study, pause_study


class Clock:
    """Time that passes when a test says so, and while something is summarised."""

    def __init__(self, summary_seconds: float) -> None:
        self.now = 100.0
        self.summary_seconds = summary_seconds
        self.summarised: list[str] = []

    def __call__(self) -> float:
        return self.now

    def summarise(self, snapshot: StudySnapshot, fits: CurveFits) -> StudyEvidence:
        self.now += self.summary_seconds
        self.summarised.append(snapshot.study.id)
        return study_evidence(snapshot, fits)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock(summary_seconds=2.0)
    monkeypatch.setattr(evidence_refresh, "study_evidence", clock.summarise)
    return clock


def measuring(database: Database, engine: AnalyticEngine) -> str:
    with database.write() as session:
        study, _ = open_study(session, spec(search={"trials": 2, "batch_size": 2}))
    while True:
        tick(database, engine, wait_seconds=0)
        with database.read() as session:
            if get_study(session, study.id).state is StudyState.MEASURING:
                return study.id


def end_a_trial(database: Database, engine: AnalyticEngine) -> None:
    for _ in range(4):
        tick(database, engine, wait_seconds=0)


def test_after_a_summary_ten_times_as_long_passes_before_the_next(
    database: Database, clock: Clock
) -> None:
    engine = AnalyticEngine(slots=1)
    study_id = measuring(database, engine)
    refresh = EvidenceRefresh(database, clock)
    refresh.turn()
    assert clock.summarised == [study_id]
    ended_at = clock.now
    end_a_trial(database, engine)
    while clock.now < ended_at + REST * clock.summary_seconds - LOOK_SECONDS:
        clock.now += LOOK_SECONDS
        refresh.turn()
        assert clock.summarised == [study_id]
    clock.now += 2 * LOOK_SECONDS
    refresh.turn()
    assert clock.summarised == [study_id] * 2
    assert refresh.seconds_spent == 2 * clock.summary_seconds


def test_the_end_of_a_phase_is_summarised_at_the_next_look(
    database: Database, clock: Clock
) -> None:
    study_id = measuring(database, AnalyticEngine(slots=1))
    refresh = EvidenceRefresh(database, clock)
    refresh.turn()
    with database.write() as session:
        pause_study(session, study_id)
    clock.now += LOOK_SECONDS
    refresh.turn()
    assert clock.summarised == [study_id] * 2


def test_nothing_is_summarised_twice(database: Database, clock: Clock) -> None:
    study_id = measuring(database, AnalyticEngine(slots=1))
    refresh = EvidenceRefresh(database, clock)
    for _ in range(5):
        refresh.turn()
        clock.now += 100
    assert clock.summarised == [study_id]


def test_a_study_that_cannot_be_summarised_does_not_stop_the_others(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = AnalyticEngine(slots=1)
    first, second = measuring(database, engine), measuring(database, engine)

    def defective(snapshot: StudySnapshot, fits: CurveFits) -> StudyEvidence:
        if snapshot.study.id == first:
            raise ZeroDivisionError("a defect")
        return clock.summarise(snapshot, fits)

    monkeypatch.setattr(evidence_refresh, "study_evidence", defective)
    refresh = EvidenceRefresh(database, clock)
    for _ in range(4):
        refresh.turn()
        clock.now += 100
    assert second in clock.summarised
    with database.read() as session:
        assert [age.study_id for age in evidence_ages(session) if age.is_old] == [first]


def test_after_a_long_look_ten_times_as_long_passes_before_the_next(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, looks, seconds = Clock(summary_seconds=0.0), list[float](), 1.0

    def look(session: Session, ended: Collection[str] | None) -> tuple[EvidenceAge, ...]:
        looks.append(clock.now)
        clock.now += seconds
        return evidence_ages(session, ended)

    monkeypatch.setattr(evidence_refresh, "evidence_ages", look)
    refresh = EvidenceRefresh(database, clock)
    while len(looks) < 3:
        refresh.turn()
        clock.now += LOOK_SECONDS
    assert [later - earlier for earlier, later in pairwise(looks)] == [(REST + 1) * seconds] * 2
