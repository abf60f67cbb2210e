"""A served study whose trials are leased, and a coordinator to turn by hand."""

import json
from typing import Any

import httpx

from tests.app.served import Served
from tests.tuner.own_trainer import external_spec
from tuner.coordinator.external_engine import ExternalEngine
from tuner.coordinator.memory import Memory
from tuner.coordinator.reconcile import tick
from tuner.storage.sql.database import Database


class Coordinated:
    """A served study of the family `external`, and a coordinator to turn by hand."""

    def __init__(self, served: Served, **fields: Any) -> None:  # noqa: ANN401  parts of a spec
        self.client = served.client
        self.database: Database = served.database
        self.engine, self.memory = ExternalEngine(self.database), Memory()
        response = self.client.post("/v1/studies", json=external_spec(**fields))
        assert response.status_code == 202, response.text
        self.study = str(response.json()["id"])

    def turn(self, times: int = 3) -> None:
        for _ in range(times):
            tick(self.database, self.engine, 0.0, memory=self.memory)

    def ask(self, worker: str = "one", **fields: Any) -> httpx.Response:  # noqa: ANN401
        body = {"worker": worker, "ttl_seconds": 3_600} | fields
        return self.client.post(f"/v1/studies/{self.study}:lease", json=body)

    def lease(self, worker: str = "one", **fields: Any) -> dict[str, Any]:  # noqa: ANN401
        """A trial, turning the coordinator until there is one."""
        for _ in range(20):
            answer = self.ask(worker, **fields)
            if answer.status_code == 200:
                leased: dict[str, Any] = answer.json()
                return leased
            assert answer.status_code == 204, answer.text
            self.turn()
        raise AssertionError("no trial becomes due")

    def report(self, lease: dict[str, Any], body: Any) -> httpx.Response:  # noqa: ANN401  JSON
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.client.post(
            f"/v1/orders/{lease['order']}/reports",
            content=content,
            headers={"content-type": "application/json"},
        )

    def trial(self, number: int) -> dict[str, Any]:
        trials = self.client.get(f"/v1/studies/{self.study}/trials").json()["trials"]
        found: dict[str, Any] = next(one for one in trials if one["number"] == number)
        return found

    def state(self) -> dict[str, Any]:
        study: dict[str, Any] = self.client.get(f"/v1/studies/{self.study}").json()
        return study
