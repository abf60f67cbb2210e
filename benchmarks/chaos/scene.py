"""Everything that faults strike: a service, its database, its cluster, its standby."""

import os
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
from sqlalchemy import func, select

from benchmarks.chaos.cluster import OwnCluster, own_cluster
from tests.service.own_postgres import OwnPostgres, own_postgres
from tests.service.processes import command_of
from tests.service.running import RunningService
from tests.service.strikes import Tuner
from tuner.records.errors import StorageUnavailable
from tuner.storage.events import EventKind
from tuner.storage.sql.database import Database, open_database
from tuner.storage.sql.tables import StudyEventRow

SLOTS: Final = 2
MARK: Final = "CHAOS_RUN"
"""Variable of the environment that every process of a run inherits, whoever becomes its parent."""
ACTOR: Final = "SlotActor"
_OURS: Final = ("-m service.api", "-m service.tuner", "-m service.up", "workers.slot.worker", ACTOR)
_PROGRESS: Final = (
    EventKind.STUDY_STATE,
    EventKind.CHECK_FINISHED,
    EventKind.PACKING_CHOSEN,
    EventKind.TRIAL_STATE,
    EventKind.TRIAL_PROGRESS,
)
"""Events that tell of work; that an order was lost is none."""
OVER: Final = ("completed", "failed", "cancelled")


@dataclass
class Scene:
    """A service of two slots, and what it runs on."""

    service: RunningService
    database: Database
    postgres: OwnPostgres | None
    cluster: OwnCluster | None
    standby: Tuner | None
    mark: str
    rounds: int = 0
    _over: set[str] = field(default_factory=set)

    def mend(self) -> None:
        """Do what an operator's supervisor does: start the standby again, replace nodes."""
        if self.standby is not None and self.standby.process.poll() is not None:
            self.standby.start()
        if self.cluster is not None:
            self.cluster.mend()

    def submit(self, spec: dict[str, Any]) -> str | None:
        """Submit a study, once however often this is called; None while the API is away.

        Raises:
            RuntimeError: if the study is refused.

        """
        key = {"Idempotency-Key": f"{spec['seed']}-{self.rounds}"}
        try:
            answer = self.service.http.post("/v1/studies", json=spec, headers=key)
        except httpx.TransportError:
            return None
        if answer.is_client_error:
            raise RuntimeError(answer.text)
        return str(answer.json()["id"]) if answer.status_code == 202 else None

    def answers(self) -> bool:
        """True if the API answers at this moment."""
        try:
            return self.service.http.get("/healthz", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def progress(self) -> int | None:
        """Id of the newest event that tells of work; None while the database is away."""
        newest = select(func.max(StudyEventRow.id)).where(StudyEventRow.kind.in_(_PROGRESS))
        try:
            with self.database.read() as session:
                return session.scalar(newest) or 0
        except StorageUnavailable:
            return None

    def works(self, study_ids: list[str]) -> bool:
        """True if one of these studies has not ended yet."""
        for study_id in study_ids:
            if study_id not in self._over and self.service.study(study_id)["state"] in OVER:
                self._over.add(study_id)
        return not self._over.issuperset(study_ids)

    def broken(self) -> list[str]:
        """Parts that do not work at this moment, in words: slots, the coordinator, the standby."""
        listed = self.service.get("/v1/workers")["workers"]
        well = {one["name"] for one in listed if one["liveness"] == "well"}
        found = [
            f"{one['name']}: {one['words']['state']}" for one in listed if one["name"] not in well
        ]
        if len(listed) != SLOTS + 1:
            found.append(f"{len(listed)} workers are listed, not {SLOTS} slots and a coordinator")
        if self.standby is not None and not self.standby.turns:
            found.append("the standby does not stand by")
        return found

    def require_sight(self) -> None:
        """Check that `processes` finds every kind of process: it could miss none that is left.

        Raises:
            RuntimeError: if one is not found while the service runs.

        """
        commands = [command_of(pid) for pid in self.processes()]
        kinds = [one for one in _OURS if self.cluster is not None or one != ACTOR]
        unseen = [kind for kind in kinds if not any(kind in command for command in commands)]
        if unseen:
            raise RuntimeError(f"the service runs, but no process of it with {', '.join(unseen)}")

    def workers(self) -> list[int]:
        """Process ids of the slots' workers, wherever they run."""
        return [pid for pid in self.processes() if "workers.slot.worker" in command_of(pid)]

    def processes(self) -> list[int]:
        """Process ids of all that is the service's, also of what has lost its parent."""
        wanted = f"{MARK}={self.mark}".encode()
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                is_marked = wanted in (entry / "environ").read_bytes().split(b"\0")
            except OSError:  # it has ended meanwhile
                continue
            if is_marked and any(word in command_of(int(entry.name)) for word in _OURS):
                found.append(int(entry.name))
        return sorted(found)

    def end(self) -> None:
        """Stop the service and its standby, not what they run on."""
        if self.standby is not None:  # first: it would take over from the service's coordinator
            self.standby.end()
        self.service.stop()


@contextmanager
def staged(folder: Path, engine: str, database: str) -> Iterator[Scene]:
    """A service on an engine and a database of those kinds; a standby where there can be one.

    Args:
        folder: for its data and its logs; made here.
        engine: `local`, or `ray` on a cluster of its own, of as many nodes as slots.
        database: `sqlite` or `postgresql`.

    """
    mark = os.environ[MARK] = uuid.uuid4().hex
    with ExitStack() as stack:
        folder.mkdir(parents=True)
        cluster = stack.enter_context(own_cluster(SLOTS)) if engine == "ray" else None
        postgres = stack.enter_context(own_postgres()) if database == "postgresql" else None
        data = folder / "data"
        url = postgres.url if postgres else f"sqlite:///{data / 'widthwise.db'}"
        on = {"RAY_ADDRESS": cluster.address} if cluster else {"WIDTHWISE_ENGINE": "local"}
        service = RunningService(data, SLOTS, WIDTHWISE_DATABASE_URL=url, **on)
        stack.callback(service.stop)
        if cluster is not None:
            cluster.ready()  # its nodes join while the service starts
        opened = open_database(url)
        stack.callback(opened.close)
        standby = None
        if postgres is not None:
            slots = {"WIDTHWISE_SLOTS": str(SLOTS), "OMP_NUM_THREADS": "1"}
            standby = Tuner(folder / "standby", url, data, **slots, **on)
            stack.callback(standby.end)
        yield Scene(service, opened, postgres, cluster, standby, mark)
