"""Time what the API answers over databases of several sizes."""

import statistics
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, Final

import httpx

from benchmarks.scale.tables import Filled
from benchmarks.service_load.evidence import api_process

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


def answer_rows(databases: Sequence[Filled], repeats: int) -> list[dict[str, Any]]:
    """A row for each size and operation, milliseconds of the clock.

    Sizes take turns within each repeat: what else the machine does slows all of them.
    """
    page = min(20, min(len(one.study_ids) for one in databases))
    taken: defaultdict[tuple[str, int], list[float]] = defaultdict(list)
    with ExitStack() as stack:
        clients = [stack.enter_context(api_process(one.url))[0] for one in databases]
        for operation, path in OPERATIONS.items():
            for repeat in range(-3, repeats):  # the first ones warm up
                for place, (client, database) in enumerate(zip(clients, databases, strict=True)):
                    study = database.study_ids[repeat % len(database.study_ids)]
                    asked = path.format(
                        page=page, study=study, first=database.study_ids[0], width=_width(repeat)
                    )
                    seconds = _timed(client, asked)
                    if repeat >= 0:
                        taken[operation, place].append(1e3 * seconds)
    return [
        {
            "trials": databases[place].trials,
            "studies": len(databases[place].study_ids),
            "operation": operation,
            "p50_ms": round(statistics.median(milliseconds), 2),
            "p99_ms": round(statistics.quantiles(milliseconds, n=100)[98], 2),
        }
        for (operation, place), milliseconds in taken.items()
    ]


def _width(repeat: int) -> int:
    """Of a target that nobody has asked for: answers about studies that are over are kept."""
    return 1024 + 64 * repeat


def _timed(client: httpx.Client, path: str) -> float:
    started = time.perf_counter()
    client.get(path).raise_for_status()
    return time.perf_counter() - started
