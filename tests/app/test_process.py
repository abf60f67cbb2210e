"""What the API process loads, and what health says of it."""

import datetime as dt
import os
import subprocess
import sys
from pathlib import Path

import httpx
from sqlalchemy import update

from app.described import written
from app.liveness import coordinator_problem
from service.sockets import listen
from tests.app.described import described
from tests.app.served import SPEC, Served
from tests.patience import PATIENCE_SECONDS
from tuner.storage.heartbeats import WorkerRecord, beat
from tuner.storage.sql.database import Database
from tuner.storage.sql.tables import WorkerRow


def test_the_api_process_describes_itself_without_torch_or_what_only_the_coordinator_needs() -> (
    None
):
    code = (
        "import sys, service.api\n"
        "service.api.main()\n"
        "others = {'torch', 'mup', 'optuna', 'plotly', 'sklearn'}\n"
        "print(*sorted(others & sys.modules.keys()), file=sys.stderr)"
    )
    command = [sys.executable, "-W", "error", "-c", code, "--describe"]
    result = subprocess.run(command, capture_output=True, check=True)
    assert result.stdout == written(described())
    assert result.stderr.strip() == b""


def test_collections_of_the_api_process_pass_over_what_stays(database: Database) -> None:
    code = (
        "import gc, signal, service.api\n"
        "signal.signal(signal.SIGTERM, lambda *_: None)\n"  # which uvicorn raises again at its end
        "service.api.main()\n"
        "print(gc.get_freeze_count(), len(gc.get_objects()))"
    )
    with listen("127.0.0.1", 0) as listening:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        descriptor = listening.fileno()
        with subprocess.Popen(
            [sys.executable, "-c", code, "--socket", str(descriptor)],
            env=os.environ | {"WIDTHWISE_DATABASE_URL": str(database.engine.url)},
            pass_fds=[descriptor],
            stdout=subprocess.PIPE,
        ) as process:
            try:
                assert (
                    httpx.get(address, trust_env=False, timeout=PATIENCE_SECONDS).status_code == 200
                )
            finally:
                process.terminate()
            printed, _ = process.communicate()
    passed_over, looked_at = map(int, printed.split())
    assert passed_over > 5 * looked_at


def test_health_needs_no_database(served: Served) -> None:
    served.database.close()
    assert served.client.get("/healthz").json() == {"status": "ok"}


def unready(client: httpx.Client) -> str:
    """In words, why the service is not ready."""
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    return str(answer.json()["detail"])


def test_a_service_without_coordinator_is_ready_and_says_what_is_missing(
    client: httpx.Client,
) -> None:
    readiness = client.get("/readyz").json()
    assert readiness["status"] == "ready"
    assert readiness["coordinator_heartbeat_age_seconds"] is None
    assert "widthwise up" in readiness["coordinator_problem"]


def test_a_coordinator_at_work_leaves_nothing_to_report(served: Served) -> None:
    with served.database.write() as session:
        beat(session, "tuner", "coordinator", None, None)
        beat(session, "cpu-0", "cpu", "std_1-t0", None)
    answer = served.client.get("/readyz")
    assert answer.status_code == 200
    readiness = answer.json()
    assert readiness["slots"] == 1
    assert readiness["coordinator_problem"] is None
    assert 0 <= readiness["coordinator_heartbeat_age_seconds"] < PATIENCE_SECONDS
    workers = {at["name"]: at for at in served.client.get("/v1/workers").json()["workers"]}
    assert workers["cpu-0"]["liveness"] == "well"
    assert workers["cpu-0"]["order_id"] == "std_1-t0"
    study = served.client.get(f"/v1/studies/{served.submit()}").json()
    assert study["problem"] is None


def test_a_coordinator_whose_slots_are_all_in_trouble_or_gone_is_not_ready(
    served: Served,
) -> None:
    with served.database.write() as session:
        beat(session, "tuner", "coordinator", None, None)
    assert "start a worker" in unready(served.client)
    with served.database.write() as session:
        beat(session, "cuda-0", "cuda", None, "The GPU has fallen off the bus.")
    assert "fallen off the bus" in unready(served.client)
    with served.database.write() as session:
        session.execute(update(WorkerRow).values(problem=None))
        long_ago = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
        gone = update(WorkerRow).where(WorkerRow.name == "cuda-0")
        session.execute(gone.values(heartbeat_at=long_ago))
    assert "last heard of" in unready(served.client)


def test_a_database_that_is_deleted_is_missed_until_it_is_put_back(
    served: Served, tmp_path: Path
) -> None:
    with served.database.write() as session:
        beat(session, "tuner", "coordinator", None, None)
        beat(session, "cpu-0", "cpu", None, None)
    assert served.client.get("/readyz").status_code == 200
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for file in tmp_path.glob("widthwise.db*"):
        file.rename(elsewhere / file.name)
    assert "is gone" in unready(served.client)
    refused = served.client.post("/v1/studies", json=SPEC)
    assert refused.status_code == 503
    assert "is gone" in refused.json()["detail"]
    assert not (tmp_path / "widthwise.db").exists(), "an empty one would hide the loss"
    for file in elsewhere.iterdir():
        file.rename(tmp_path / file.name)
    assert served.client.get("/readyz").status_code == 200
    assert served.submit()


def test_a_coordinator_in_trouble_is_quoted_at_its_studies(served: Served) -> None:
    with served.database.write() as session:
        beat(session, "tuner", "coordinator", None, "The disk is full: free some space.")
    study = served.client.get(f"/v1/studies/{served.submit()}").json()
    assert study["problem"] == "The disk is full: free some space."


def test_a_coordinator_that_fell_silent_is_reported_with_the_remedy() -> None:
    now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    silent = WorkerRecord(
        name="tuner",
        device="coordinator",
        order_id=None,
        problem=None,
        heartbeat_at=now - dt.timedelta(seconds=42),
    )
    words = coordinator_problem(silent, now, silence_seconds=15)
    assert words is not None
    assert "42 s ago" in words
    assert coordinator_problem(silent, now, silence_seconds=60) is None
