"""Clients of one operation in a process of their own: a closed loop, or an open one.

    python -m benchmarks.api_load.clients ADDRESS PLAN

The plan is JSON, one entry a load; a row is printed for each. In a closed loop each client sends
its next request when the last one is answered. In an open loop requests are due at fixed moments,
and wait for a free connection: their time counts from when they were due, so that a slow answer
delays those behind it as it would delay people.
"""

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

from benchmarks.service_load.connection import Connection


class Load(NamedTuple):
    """One row to measure."""

    operation: str
    method: str
    path: str
    body: str
    """JSON; `{n}` in path and body is the request's number."""
    load: Literal["closed", "open"]
    clients: int
    seconds: float
    per_second: float
    """Requests that are due in an open loop."""


@dataclass
class _Seen:
    milliseconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


class _Sending:
    """Sends the requests of one load over given connections."""

    def __init__(self, load: Load, numbers: "count[int]") -> None:
        self.seen = _Seen()
        self._load, self._numbers = load, numbers

    async def once(self, connection: Connection, since: float) -> None:
        """Send one request, whose time counts from a moment."""
        number, load = str(next(self._numbers)), self._load
        path, body = load.path.replace("{n}", number), load.body.replace("{n}", number)
        try:
            status, answer, _ = await connection.send(load.method, path, body.encode())
        except ConnectionError as error:
            self.seen.errors.append(f"{load.operation}: {error}")
            return
        self.seen.milliseconds.append(1e3 * (time.perf_counter() - since))
        if status >= 400:
            self.seen.errors.append(f"{load.operation}: {status} {answer[:300]!r}")

    async def closed(self, connections: list[Connection]) -> float:
        """Each connection sends one request after another; the seconds that it took."""
        began = time.perf_counter()

        async def client(connection: Connection) -> None:
            while (now := time.perf_counter()) - began < self._load.seconds:
                await self.once(connection, now)

        await asyncio.gather(*map(client, connections))
        return time.perf_counter() - began

    async def open(self, connections: list[Connection]) -> float:
        """Requests are due at fixed moments; the seconds until the last one was answered."""
        free: asyncio.Queue[Connection] = asyncio.Queue()
        for connection in connections:
            free.put_nowait(connection)
        began = time.perf_counter()

        async def request(due: float, connection: Connection) -> None:
            await self.once(connection, due)
            free.put_nowait(connection)

        sent = []
        for number in range(round(self._load.seconds * self._load.per_second)):
            due = began + number / self._load.per_second
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            sent.append(asyncio.create_task(request(due, await free.get())))
        await asyncio.gather(*sent)
        return time.perf_counter() - began


async def every_row(address: str, loads: Sequence[Load]) -> list[dict[str, Any]]:
    """A row a load, over connections that are open already: the same ones for all."""
    place = urlsplit(address)
    assert place.hostname is not None, "an address has a host"
    most = max(load.clients for load in loads)
    connections = [Connection(place.hostname, place.port or 80) for _ in range(most)]
    await asyncio.gather(*(one.send("GET", "/healthz") for one in connections))
    numbers = count()
    rows = [await measured(connections[: load.clients], load, numbers) for load in loads]
    for connection in connections:
        connection.close()
    return rows


async def measured(
    connections: list[Connection], load: Load, numbers: "count[int]"
) -> dict[str, Any]:
    """One row, over these connections."""
    sending = _Sending(load, numbers)
    loop = sending.closed if load.load == "closed" else sending.open
    took = await loop(connections)
    seen = sending.seen
    for error in seen.errors[:3]:
        print(error, file=sys.stderr)
    return {
        "clients": load.clients,
        "load": load.load,
        "operation": load.operation,
        "per_second": round(len(seen.milliseconds) / took, 1),
        "p50_ms": _percentile(seen.milliseconds, 50),
        "p99_ms": _percentile(seen.milliseconds, 99),
        "errors": len(seen.errors),
    }


def _percentile(milliseconds: list[float], percent: int) -> float | None:
    """None where there is too little of it."""
    if len(milliseconds) < 2:
        return None
    return round(statistics.quantiles(milliseconds, n=100, method="inclusive")[percent - 1], 2)


def main() -> None:
    """Print a row for each load."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("plan", type=json.loads)
    given = parser.parse_args()
    rows = asyncio.run(every_row(given.address, [Load(*one) for one in given.plan]))
    json.dump(rows, sys.stdout)


if __name__ == "__main__":
    main()
