"""Two hundred trainers in one process: each leases trials and reports at its own pace.

    python -m benchmarks.service_load.trainers ADDRESS STUDY --workers 200 --seconds 30

Prints what they were granted and told, and the milliseconds that every report and every lease
took. HTTP is spoken by hand over one connection a trainer, so that the load costs less than what it
measures; `cpu_seconds` says what it costs.
"""

import argparse
import asyncio
import json
import os
import random
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from benchmarks.service_load.connection import Connection
from benchmarks.service_load.cpu_time import tree_cpu_seconds

TTL_SECONDS: Final = 60
REPEATED: Final = 0.01
"""Share of reports that are sent twice, as after an answer that was lost."""


@dataclass
class Seen:
    """The answers that the trainers saw."""

    grants: list[tuple[str, int, str]] = field(default_factory=list)
    """(Order, attempt, worker) of every lease."""
    reported: dict[str, int] = field(default_factory=dict)
    """The newest step that was acknowledged, by order."""
    milliseconds: list[float] = field(default_factory=list)
    """Of every report in the measured time."""
    lease_milliseconds: list[float] = field(default_factory=list)
    """Of every lease that was granted in the measured time: its last request alone."""
    turnover_milliseconds: list[float] = field(default_factory=list)
    """In the measured time, from the answer that ended a trial to the grant of the next one."""
    errors: list[str] = field(default_factory=list)
    first_lease_seconds: float = 0.0
    """From the first request until every trainer had its first trial."""
    asked: int = 0
    """Requests for a lease, those answered with 204 included."""
    measured_seconds: float = 0.0
    cpu_seconds: dict[str, float] = field(default_factory=dict)
    """Of each process of the load in the measured time, `trainers` among them."""


class Measured:
    """The beginning and the end of measuring: known once everyone trains."""

    def __init__(self) -> None:
        self.begin = self.end = float("inf")

    def open(self, seconds: float) -> None:
        """Measure from now on."""
        self.begin = time.monotonic()
        self.end = self.begin + seconds

    @property
    def is_open(self) -> bool:
        """True while requests are measured."""
        return self.begin <= time.monotonic() < self.end


class Trainer:
    """Leases trials and reports one update at a time."""

    def __init__(self, name: str, connection: Connection, study: str, seen: Seen) -> None:
        self._name = name
        self._connection = connection
        self._study = study
        self._seen = seen
        self.has_trained = asyncio.Event()

    async def work(self, pause: float, measured: Measured) -> None:
        """Train until the time is over."""
        await asyncio.sleep(random.random() * pause)
        ended: float | None = None
        while time.monotonic() < measured.end:
            lease = await self._lease(measured)
            if lease is not None:
                if ended is not None and measured.is_open:
                    waited = 1e3 * (time.monotonic() - ended)
                    self._seen.turnover_milliseconds.append(waited)
                await self._train(lease, pause, measured)
                ended = time.monotonic()
        self._connection.close()

    async def _lease(self, measured: Measured) -> dict[str, Any] | None:
        self._seen.asked += 1
        body = {"worker": self._name, "ttl_seconds": TTL_SECONDS}
        started = time.perf_counter()
        status, answer, retry = await self._connection.post(
            f"/v1/studies/{self._study}:lease", body
        )
        if status == 200:
            if measured.is_open:
                self._seen.lease_milliseconds.append(1e3 * (time.perf_counter() - started))
            lease: dict[str, Any] = json.loads(answer)
            self._seen.grants.append((lease["order"], lease["attempt"], self._name))
            self.has_trained.set()
            return lease
        if status != 204:
            self._seen.errors.append(f"lease: {status} {answer[:300]!r}")
        await asyncio.sleep(retry)
        return None

    async def _train(self, lease: dict[str, Any], pause: float, measured: Measured) -> None:
        due = time.monotonic()
        for step in range(lease["reported_step"] + 1, lease["to_step"] + 1):
            due = max(due + pause, time.monotonic())
            await asyncio.sleep(due - time.monotonic())
            if due > measured.end:
                return
            body = {"attempt": lease["attempt"], "step": step, "train_loss": [3.0 + 1 / step]}
            for _ in range(1 + (random.random() < REPEATED)):
                answer = await self._report(lease["order"], body, due >= measured.begin)
            if answer == "stop":
                return

    async def _report(self, order: str, body: dict[str, Any], is_measured: bool) -> str:
        started = time.perf_counter()
        status, answer, _ = await self._connection.post(f"/v1/orders/{order}/reports", body)
        if is_measured:
            self._seen.milliseconds.append(1e3 * (time.perf_counter() - started))
        if status != 200:
            self._seen.errors.append(f"report: {status} {answer[:300]!r}")
            return "stop"
        self._seen.reported[order] = max(self._seen.reported.get(order, 0), body["step"])
        told: str = json.loads(answer)["answer"]
        return told


async def load(  # one argument each
    address: str,
    study: str,
    *,
    workers: int,
    seconds: float,
    rate: float,
    processes: Mapping[str, int],
) -> Seen:
    """Have the trainers work; measured once all of them have a trial, for so many seconds.

    Args:
        rate: reports a second of each.
        processes: ids of those whose CPU time is counted, by name.

    """
    place = urlsplit(address)
    assert place.hostname is not None, "an address has a host"
    seen = Seen()
    trainers = [
        Trainer(f"trainer-{n}", Connection(place.hostname, place.port or 80), study, seen)
        for n in range(workers)
    ]
    started = time.monotonic()
    measured = Measured()
    tasks = [asyncio.create_task(one.work(1 / rate, measured)) for one in trainers]
    await asyncio.gather(*(one.has_trained.wait() for one in trainers))
    seen.first_lease_seconds = time.monotonic() - started
    measured.open(seconds)
    watched = {"trainers": os.getpid(), **processes}
    before = {name: tree_cpu_seconds(id_) for name, id_ in watched.items()}
    await asyncio.gather(*tasks)
    seen.measured_seconds = time.monotonic() - measured.begin
    seen.cpu_seconds = {name: tree_cpu_seconds(id_) - before[name] for name, id_ in watched.items()}
    return seen


def main() -> None:
    """Print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("study")
    parser.add_argument("--workers", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--rate", type=float, default=5.0, help="reports a second of each")
    parser.add_argument("--processes", type=json.loads, default={}, help="ids by name, as JSON")
    given = parser.parse_args()
    seen = asyncio.run(
        load(
            given.address,
            given.study,
            workers=given.workers,
            seconds=given.seconds,
            rate=given.rate,
            processes=given.processes,
        )
    )
    json.dump(asdict(seen), sys.stdout)


if __name__ == "__main__":
    main()
