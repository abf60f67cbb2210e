"""Measure the API's memory while clients connect to a study's event stream and go away again.

    python -m benchmarks.service_load.event_streams --json

Each connection asks for the stream, reads its beginning and is closed, a few dozen at a time. A row
for each number of them: resident bytes and open descriptors of the API process. `growth` is the
last row's memory over that of the row before it: a stream that left anything behind would show.
"""

import asyncio
import os
import platform
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from benchmarks.report import command_line, give
from benchmarks.service_load.evidence import api_process
from tuner.storage.sql.connections import sqlite_url
from tuner.storage.sql.migration import migrate

CONNECTS: Final = (0, 2_000, 10_000)
AT_A_TIME: Final = 50
_SPEC: Final = {"family": {"name": "mlp"}, "target": {"width": 512}}


async def connected(host: str, port: int, path: str, times: int) -> None:
    """Connect so often, read the first event of each, and go away."""
    free = asyncio.Semaphore(AT_A_TIME)

    async def once() -> None:
        async with free:
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            begun = await reader.readuntil(b"data:")
            assert begun.startswith(b"HTTP/1.1 200"), begun
            writer.transport.abort()

    await asyncio.gather(*(once() for _ in range(times)))


def measured(connects: Sequence[int]) -> list[dict[str, int]]:
    """A row for each number of connections so far."""
    with tempfile.TemporaryDirectory() as folder:
        url = sqlite_url(Path(folder) / "streams.db")
        migrate(url)
        with api_process(url) as (client, process_id):
            study = client.post("/v1/studies", json=_SPEC).raise_for_status().json()
            place, path = urlsplit(str(client.base_url)), study["links"]["events"]
            assert place.hostname is not None, "an address has a host"
            assert place.port is not None, "it was given one"
            rows, before = [], 0
            for number in connects:
                asyncio.run(connected(place.hostname, place.port, path, number - before))
                client.get("/healthz").raise_for_status()
                rows.append({"connects": number, **_held(process_id)})
                before = number
            return rows


def _held(process_id: int) -> dict[str, int]:
    process = Path(f"/proc/{process_id}")
    pages = int((process / "statm").read_text().split()[1])
    return {
        "resident_bytes": pages * os.sysconf("SC_PAGE_SIZE"),
        "descriptors": len(list((process / "fd").iterdir())),
    }


def main() -> None:
    """Print the rows."""
    parser = command_line(__doc__)
    parser.add_argument("--connects", type=int, nargs="+", default=list(CONNECTS))
    given = parser.parse_args()
    rows = measured(given.connects)
    *_, before, last = (row["resident_bytes"] for row in rows)
    result: dict[str, Any] = {
        "rows": rows,
        "growth": round(last / before, 4),
        "device": f"{os.cpu_count()} CPU cores, {platform.system()} {platform.machine()}, SQLite",
    }
    give(result, given)


if __name__ == "__main__":
    main()
