"""Time what the API answers over databases of several sizes."""

import statistics
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, Final

import httpx

from benchmarks.scale.tables import Filled
from benchmarks.service_load.cpu_time import cpu_seconds
from benchmarks.service_load.evidence import api_process, await_prepared

OPERATIONS: Final = {
    "list of studies": "/v1/studies?page_size={page}",
    "list of studies, by state": "/v1/studies?state=completed&page_size={page}",
    "list of trials": "/v1/studies/{study}/trials?page_size=100",
    "study": "/v1/studies/{study}",
    "recommendation": "/v1/studies/{study}/recommendation?width={width}",
    "recommendation, asked again": "/v1/studies/{first}/recommendation?width=512",
    "queue": "/v1/queue",
    "overview": "/v1/overview",
    "metrics": "/metrics",
}
WARMING: Final = 3
"""First answers of each operation, which do not count."""


def answer_rows(databases: Sequence[Filled], repeats: int) -> list[dict[str, Any]]:
    """A row for each operation and size: milliseconds of the clock, and of the API's CPU time.

    Sizes take turns within each repeat: what else the machine does slows all of them.
    """
    page = min(20, min(len(one.study_ids) for one in databases))
    with ExitStack() as stack:
        served = [stack.enter_context(api_process(one.url)) for one in databases]
        for client, process_id in served:
            await_prepared(client, process_id)
        return [
            row
            for operation, path in OPERATIONS.items()
            for row in _rows(
                operation, path.replace("{page}", str(page)), databases, served, repeats
            )
        ]


def _rows(
    operation: str,
    path: str,
    databases: Sequence[Filled],
    served: Sequence[tuple[httpx.Client, int]],
    repeats: int,
) -> Iterator[dict[str, Any]]:
    taken = [list[float]() for _ in databases]
    before = [0.0 for _ in databases]
    for repeat in range(-WARMING, repeats):
        if repeat == 0:
            before = [cpu_seconds(process_id) for _, process_id in served]
        for (client, _), database, seconds in zip(served, databases, taken, strict=True):
            asked = path.format(
                study=_spread(database.study_ids, repeat, repeats),
                first=database.study_ids[0],
                width=_width(repeat),
            )
            seconds.append(_timed(client, asked))
    for (_, process_id), database, seconds, earlier in zip(
        served, databases, taken, before, strict=True
    ):
        milliseconds = [1e3 * one for one in seconds[WARMING:]]
        yield {
            "trials": database.trials,
            "studies": len(database.study_ids),
            "operation": operation,
            "p50_ms": round(statistics.median(milliseconds), 2),
            "p99_ms": round(statistics.quantiles(milliseconds, n=100)[98], 2),
            "cpu_ms": round(1e3 * (cpu_seconds(process_id) - earlier) / repeats, 2),
        }


def growth(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Each operation's numbers over the most trials, divided by those over the fewest."""
    found: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row["trials"]):
        found[row["operation"]].append(row)
    return {
        operation: {
            name: round(most[name] / fewest[name], 2)
            for name in ("p50_ms", "cpu_ms")
            if fewest[name]  # CPU time comes in ticks of 10 ms
        }
        for operation, (fewest, *_, most) in found.items()
    }


def _spread(study_ids: Sequence[str], repeat: int, repeats: int) -> str:
    """A study of any part of the table, so that answers are not all cached."""
    return study_ids[repeat * max(1, len(study_ids) // repeats) % len(study_ids)]


def _width(repeat: int) -> int:
    """Width of a target that was not asked for yet: answers about ended studies are kept."""
    return 1024 + 64 * repeat


def _timed(client: httpx.Client, path: str) -> float:
    started = time.perf_counter()
    client.get(path).raise_for_status()
    return time.perf_counter() - started
