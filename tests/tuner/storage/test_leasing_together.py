"""Trainers that ask together are answered as each would be alone, by no more statements."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import event

from tests.tuner.own_trainer import external_spec
from tuner.coordinator.external_engine import ExternalEngine
from tuner.coordinator.memory import Memory
from tuner.coordinator.reconcile import tick
from tuner.records.errors import StudyNotFound, TunerError
from tuner.spec.study import StudySpec
from tuner.storage.leases.leasing import AskedForTrial, LeasedTrial, NothingDue, lease_trials
from tuner.storage.leases.offers import asking_trainers
from tuner.storage.sql.database import Database
from tuner.storage.studies import cancel_study, open_study

OFFERED = 8


def asked(study_id: str, worker: str, owner: str | None = None) -> AskedForTrial:
    return AskedForTrial(study_id=study_id, worker=worker, ttl_seconds=60, owner=owner)


def answers(
    database: Database, now: dt.datetime, *asking: AskedForTrial
) -> list[LeasedTrial | NothingDue | TunerError]:
    with database.write() as session:
        return lease_trials(session, asking, now)


@pytest.fixture
def now() -> dt.datetime:
    """The time of a whole test, however long it takes."""
    return dt.datetime.now(dt.UTC)


@pytest.fixture
def study_id(database: Database, now: dt.datetime) -> str:
    """A study with OFFERED trials on offer."""
    spec = external_spec(search={"trials": OFFERED, "batch_size": OFFERED})
    with database.write() as session:
        study, _ = open_study(session, StudySpec.model_validate(spec))
    crowd = [asked(study.id, f"early-{number}") for number in range(OFFERED)]
    assert all(isinstance(answer, NothingDue) for answer in answers(database, now, *crowd))
    engine, memory = ExternalEngine(database, clock=lambda: now), Memory()
    for _ in range(5):
        tick(database, engine, 0.0, memory=memory)
    return study.id


def test_each_of_a_crowd_gets_a_trial_of_its_own_until_none_is_left(
    database: Database, study_id: str, now: dt.datetime
) -> None:
    crowd = [asked(study_id, f"trainer-{number}") for number in range(OFFERED + 2)]

    leases = answers(database, now, *crowd)

    granted = [lease for lease in leases if isinstance(lease, LeasedTrial)]
    assert [lease.number for lease in granted] == list(range(OFFERED))
    assert [lease.worker for lease in granted] == [f"trainer-{n}" for n in range(OFFERED)]
    assert all(isinstance(lease, NothingDue) for lease in leases[OFFERED:])
    with database.read() as session:
        waiting = {trainer.worker for trainer in asking_trainers(session, now)}
    assert {"trainer-8", "trainer-9"} <= waiting
    assert not waiting & {lease.worker for lease in granted}


def test_a_trainer_that_asks_twice_at_once_gets_one_trial(
    database: Database, study_id: str, now: dt.datetime
) -> None:
    first, again, other = answers(
        database, now, asked(study_id, "one"), asked(study_id, "one"), asked(study_id, "other")
    )

    assert first == again
    assert isinstance(first, LeasedTrial)
    assert isinstance(other, LeasedTrial)
    assert other.number != first.number
    assert answers(database, now, asked(study_id, "one")) == [first]


def test_an_error_keeps_nobody_else_back_and_shows_nothing_of_another_owners_study(
    database: Database, study_id: str, now: dt.datetime
) -> None:
    with database.write() as session:
        ended, _ = open_study(session, StudySpec.model_validate(external_spec()))
        cancel_study(session, ended.id)

    nowhere, strangers, own, last = answers(
        database,
        now,
        asked("std_none", "lost"),
        asked(ended.id, "stranger", owner="somebody else"),
        asked(ended.id, "late"),
        asked(study_id, "well"),
    )

    assert isinstance(nowhere, StudyNotFound)
    assert isinstance(strangers, StudyNotFound)
    assert isinstance(own, TunerError)
    assert not isinstance(own, StudyNotFound)
    assert isinstance(last, LeasedTrial)


def test_a_crowd_takes_as_many_statements_as_one_trainer(
    database: Database, study_id: str, now: dt.datetime
) -> None:
    with statements(database) as of_one:
        answers(database, now, asked(study_id, "one"))
    with statements(database) as of_all:
        answers(database, now, *(asked(study_id, f"trainer-{n}") for n in range(OFFERED - 1)))

    assert 0 < len(of_all) <= len(of_one)


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        seen.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    yield seen
    event.remove(database.engine, "before_cursor_execute", note)
