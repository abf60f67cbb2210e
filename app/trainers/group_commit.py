"""Commit what many requests ask for in one transaction; each is answered once it is durable.

A commit costs a write to the disk and as much computing as tens of reports, however much it holds.
While one is under way further requests queue up, and the next commit takes them all. Where several
came together more are likely to come, and the next commit waits for them a little: the busier the
service, the fewer commits a request. A trainer that is alone never waits.
"""

import asyncio
import datetime as dt
import queue
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Any, Final, NamedTuple, overload

from tuner.storage.leases.leasing import AskedForTrial, LeasedTrial, NothingDue, lease_trials
from tuner.storage.leases.report_records import ReportAnswer, TrainerReport
from tuner.storage.leases.reports import store_reports
from tuner.storage.sql.database import Database

MOST: Final = 500
"""Requests in one transaction."""
MOST_LEASES: Final = 8
"""Requests for trials among them: one takes as long as ten reports, which wait."""
SIBLINGS: Final = 5
"""Requests in one transaction from which on the next one waits for more, as PostgreSQL's own
`commit_siblings`."""
GATHER_SECONDS: Final = 0.02
"""Seconds from the beginning of such a transaction to that of the next."""

Asked = AskedForTrial | TrainerReport
Answer = LeasedTrial | NothingDue | ReportAnswer | Exception


class _Request(NamedTuple):
    asked: Asked
    loop: asyncio.AbstractEventLoop
    answer: "asyncio.Future[Any]"


class GroupCommit:
    """A thread that writes what trainers ask for and report.

    Args:
        database: to write to.
        gather_seconds: between transactions that many requests share.

    """

    def __init__(self, database: Database, gather_seconds: float = GATHER_SECONDS) -> None:
        self._database = database
        self._gather_seconds = gather_seconds
        self._stopping = threading.Event()
        self._waiting: queue.SimpleQueue[_Request | None] = queue.SimpleQueue()
        self._leases: deque[_Request] = deque()
        """Requests for trials that a later transaction takes."""
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to commit."""
        self._thread = threading.Thread(target=self._run, name="group-commit", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Commit what has been asked for, then end the thread."""
        self._waiting.put(None)
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    @overload
    async def write(self, asked: AskedForTrial) -> LeasedTrial | NothingDue: ...
    @overload
    async def write(self, asked: TrainerReport) -> ReportAnswer: ...
    async def write(self, asked: Asked) -> LeasedTrial | NothingDue | ReportAnswer:
        """Commit a request and give its answer.

        Raises:
            TunerError: if it is refused, or the database cannot be written.

        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[LeasedTrial | NothingDue | ReportAnswer] = loop.create_future()
        self._waiting.put(_Request(asked, loop, answer))
        return await answer

    def _run(self) -> None:
        is_last = False
        while not is_last or self._leases:
            batch = self._batch()
            is_last = is_last or None in batch
            requests = [request for request in batch if request is not None]
            began = time.monotonic()
            if requests:
                answers = self._answers([request.asked for request in requests])
                _deliver(requests, answers)
            if len(requests) >= SIBLINGS:
                self._stopping.wait(began + self._gather_seconds - time.monotonic())

    def _batch(self) -> list[_Request | None]:
        """Every report that waits, and the first requests for trials; None if it is to stop."""
        batch: list[_Request | None] = []
        while len(batch) < MOST and not (self._waiting.empty() and (batch or self._leases)):
            request = self._waiting.get()
            if request is not None and isinstance(request.asked, AskedForTrial):
                self._leases.append(request)
            else:
                batch.append(request)
        batch += [self._leases.popleft() for _ in range(min(MOST_LEASES, len(self._leases)))]
        return batch

    def _answers(self, asked: Sequence[Asked]) -> list[Answer]:
        try:
            return _written(self._database, asked)
        except Exception as error:  # noqa: BLE001  every request of the batch is told
            return [error] * len(asked)


def _written(database: Database, asked: Sequence[Asked]) -> list[Answer]:
    now = dt.datetime.now(dt.UTC)
    reports = {at: one for at, one in enumerate(asked) if isinstance(one, TrainerReport)}
    leases = {at: one for at, one in enumerate(asked) if isinstance(one, AskedForTrial)}
    answers: dict[int, Answer] = {}
    with database.write() as session:
        if reports:
            stored = store_reports(session, list(reports.values()), now)
            answers |= dict(zip(reports, stored, strict=True))
        if leases:
            leased = lease_trials(session, list(leases.values()), now)
            answers |= dict(zip(leases, leased, strict=True))
    return [answers[at] for at in range(len(asked))]


def _deliver(requests: Sequence[_Request], answers: Sequence[Answer]) -> None:
    """Hand the answers to the event loop, in one call for all that wait there."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Answer]]] = {}
    for request, answer in zip(requests, answers, strict=True):
        by_loop.setdefault(request.loop, []).append((request.answer, answer))
    for loop, answered in by_loop.items():
        try:
            loop.call_soon_threadsafe(_resolve, answered)
        except RuntimeError:  # the server has stopped: nobody waits any more
            continue


def _resolve(answered: Sequence[tuple["asyncio.Future[Any]", Answer]]) -> None:
    for future, answer in answered:
        if future.done():  # its client went away
            continue
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)
