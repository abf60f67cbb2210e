"""A real service in this process: the app on a port of its own, and a coordinator to turn by hand.

The coordinator's engine is the analytic one, whose studies take no training.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from app.main import create_app
from app.server import ApiServer
from app.settings import AppSettings
from service.api import GRACE_SECONDS
from service.sockets import listen
from tests.tuner.analytic_engine import AnalyticEngine
from tuner.coordinator.memory import Memory
from tuner.coordinator.reconcile import tick
from tuner.spec.states import FINAL_STUDY_STATES, StudyState
from tuner.storage.sql.database import Database, open_database
from tuner.storage.sql.migration import migrate
from tuner.storage.studies import get_study


@dataclass(frozen=True)
class RunningService:
    address: str
    database: Database

    def finish(
        self,
        study_id: str,
        engine: AnalyticEngine | None = None,
        *,
        until: StudyState | None = None,
    ) -> None:
        """Turn the coordinator until the study is over, or in a state."""
        engine, memory = engine or AnalyticEngine(slots=8), Memory()
        for _ in range(10_000):
            with self.database.read() as session:
                if get_study(session, study_id).state in {until, *FINAL_STUDY_STATES}:
                    return
            tick(self.database, engine, wait_seconds=0.0, memory=memory)
        raise AssertionError("the study does not end")


@contextmanager
def kept_port() -> Iterator[int]:
    """A port that services of the block may listen on one after another, and nobody else gets."""
    with socket.socket() as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@contextmanager
def running_service(folder: Path, *, port: int = 0) -> Iterator[RunningService]:
    """Serve a database in this folder, made if it is not there."""
    url = f"sqlite:///{folder / 'widthwise.db'}"
    migrate(url)
    database = open_database(url)
    app = create_app(database, AppSettings(sse_poll_seconds=0.02))
    # As the service itself: a connection made as it ends, and kept busy, must not hold it up.
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=GRACE_SECONDS)
    server = ApiServer(config, app)
    listening = listen("127.0.0.1", port)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield RunningService(f"http://127.0.0.1:{listening.getsockname()[1]}", database)
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
        database.close()
