"""Over PostgreSQL: its server dies or a leader freezes, and a study completes as if neither had."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.patience import PATIENCE_SECONDS
from tests.service.outcomes import SPEC, completions
from tests.service.own_postgres import OwnPostgres, own_postgres
from tests.service.processes import send
from tests.service.running import RunningService, wait_for
from tests.service.strikes import Tuner
from tuner.spec.states import StudyState
from tuner.spec.study import StudySpec
from tuner.storage.sql.database import Database, open_database
from tuner.storage.sql.tables import StudyEventRow
from tuner.storage.studies import get_study, open_study

pytestmark = [pytest.mark.slow, pytest.mark.postgres]

SMALL: dict[str, Any] = SPEC | {"search": {"trials": 4, "batch_size": 4}}


@pytest.fixture
def postgres() -> Iterator[OwnPostgres]:
    with own_postgres() as server:
        yield server


def moved(service: RunningService, study_id: str, trials: int) -> None:
    """Wait until so many trials are complete."""
    wait_for(
        f"{trials} trials",
        lambda: service.study(study_id)["progress"]["trials"]["complete"] >= trials,
    )


def test_a_study_survives_the_death_of_its_database_server(
    tmp_path: Path, postgres: OwnPostgres
) -> None:
    service = RunningService(tmp_path / "data", WIDTHWISE_DATABASE_URL=postgres.url)
    study_id = service.submit(SMALL)
    moved(service, study_id, 3)
    postgres.kill()
    assert service.http.get("/readyz").status_code == 503
    assert service.http.get("/healthz").status_code == 200
    postgres.start()
    wait_for("readiness", lambda: service.http.get("/readyz").status_code == 200)
    study = service.finished(study_id)
    assert study["state"] == "completed"
    assert study["progress"]["trials"]["fail"] == 0
    assert service.stop() == 0
    database = open_database(postgres.url)
    repeated = completions(database)
    database.close()
    assert len(repeated) == len(set(repeated)), "a complete trial was trained again"


def state_of(database: Database, study_id: str) -> StudyState:
    with database.read() as session:
        return get_study(session, study_id).state


@pytest.mark.parametrize("backend", ["postgresql"])
def test_a_standby_completes_what_a_frozen_leader_had_begun_which_then_writes_nothing(
    tmp_path: Path, database: Database, database_url: str
) -> None:
    with database.write() as session:
        study_id = open_study(session, StudySpec.model_validate(SMALL))[0].id
    tuners = [Tuner(tmp_path / "leader", database_url)]
    try:
        leader = tuners[0]
        leader.leads()
        wait_for("a complete trial", lambda: completions(database) or None)
        tuners.append(Tuner(tmp_path / "standby", database_url))
        send(signal.SIGSTOP, leader.process.pid)
        tuners[1].leads()
        wait_for("the end", lambda: state_of(database, study_id) is StudyState.COMPLETED)
        before = stored(database)
        send(signal.SIGCONT, leader.process.pid)
        assert leader.process.wait(PATIENCE_SECONDS) == 1
        assert "leadership lost" in leader.log.read_text()
        assert stored(database) == before
    finally:
        for tuner in tuners:
            tuner.end()
    repeated = completions(database)
    assert len(repeated) == len(set(repeated)), "a complete trial was trained again"


def stored(database: Database) -> list[dict[str, Any]]:
    """Every event, in order: whatever is written of a study has one."""
    with database.read() as session:
        return list(session.scalars(select(StudyEventRow.data).order_by(StudyEventRow.id)))
