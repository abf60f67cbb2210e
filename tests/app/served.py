"""The API on a loopback port of its own, and a coordinator to turn by hand."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import uvicorn

from app.main import create_app
from app.server import ApiServer
from app.settings import AppSettings
from parametrization.shapes.roles import ModelShape
from service.sockets import listen
from tests.patience import PATIENCE_SECONDS
from tests.tuner.analytic_engine import SHAPE, AnalyticEngine
from tuner.coordinator.memory import Memory
from tuner.coordinator.reconcile import tick
from tuner.spec.states import FINAL_STUDY_STATES, StudyState
from tuner.storage.sql.database import Database
from tuner.storage.studies import get_study

SPEC: dict[str, Any] = {
    "family": {"name": "gpt", "depth": 1},
    "target": {"width": 256},
    "training": {"steps": 8},
    "search": {"trials": 8},
    "control": "sp",
}
"""A small study whose evidence the analytic engine makes in a second."""


@dataclass(frozen=True)
class Served:
    """A served database and a client that talks to it."""

    client: httpx.Client
    database: Database
    server: ApiServer

    @property
    def address(self) -> str:
        return str(self.client.base_url).rstrip("/")

    def submit(self, **fields: Any) -> str:  # noqa: ANN401  parts of a specification
        """Queue a study over HTTP; its id."""
        response = self.client.post("/v1/studies", json=SPEC | fields)
        assert response.status_code == 202, response.text
        return str(response.json()["id"])

    def advance(
        self,
        study_id: str,
        until: StudyState | None = None,
        shape: ModelShape = SHAPE,
        **engine_is: Any,  # noqa: ANN401  further arguments of the engine
    ) -> None:
        """Turn the coordinator until the study is over, or in this state; its model has a shape."""
        engine, memory = AnalyticEngine(slots=8, shape=shape, **engine_is), Memory()
        for _ in range(5_000):
            with self.database.read() as session:
                state = get_study(session, study_id).state
            if state is until or state in FINAL_STUDY_STATES:
                return
            tick(self.database, engine, wait_seconds=0.0, memory=memory)
        raise AssertionError("the study does not get there")


@contextlib.contextmanager
def serving(database: Database, settings: AppSettings) -> Iterator[Served]:
    """Serve a database until the block ends."""
    app = create_app(database, settings)
    server = ApiServer(uvicorn.Config(app, log_level="critical"), app)
    listening = listen("127.0.0.1", 0)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        with httpx.Client(base_url=address, trust_env=False, timeout=PATIENCE_SECONDS) as client:
            yield Served(client, database, server)
    finally:
        server.should_exit = True
        thread.join(PATIENCE_SECONDS)
        listening.close()
        assert not thread.is_alive(), "the server did not stop"
