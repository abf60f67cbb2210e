"""Events of studies as they are stored: one poller per process feeds every open stream.

The event table is the source, so that it does not matter which process writes an event and
which one streams it. Streams cost no thread and no query while nothing happens. Events become
visible in the order of their ids (see tuner/storage/sql/database.py), so a cursor misses none.
"""

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import AsyncGenerator, Iterator
from typing import Final

from anyio.to_thread import run_sync

from tuner.records.errors import TunerError
from tuner.storage.events import StudyEvent, events_after, last_event_id
from tuner.storage.sql.database import Database

_log = logging.getLogger(__name__)

_PAGE: Final = 500  # events read at once
_MOST_WAITING: Final = 2_000  # events queued for a slow reader before its stream is ended

_Queue = asyncio.Queue[StudyEvent | None]  # None ends the stream


class EventFeed:
    """Live events for the streams of one process. Belongs to one event loop."""

    def __init__(self, database: Database, poll_seconds: float) -> None:
        self._database = database
        self._poll_seconds = poll_seconds
        # By study; None: of every study.
        self._streams: defaultdict[str | None, set[_Queue]] = defaultdict(set)
        self._cursor: int | None = None  # last event handed out; None while no stream is open
        self._wanted = asyncio.Event()  # set while a stream is open
        self._closing = asyncio.Event()

    def close(self) -> None:
        """End every stream, so that a server can shut down. Call it on the event loop."""
        self._closing.set()
        self._wanted.set()
        for queues in self._streams.values():
            for queue in queues:
                _end(queue)

    async def poll(self) -> None:
        """Read new events and hand them out until closed."""
        while not self._closing.is_set():
            await self._wanted.wait()
            try:
                await self._hand_out()
            except TunerError as error:
                _log.warning("events cannot be read, trying again: %s", error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), self._poll_seconds)

    async def events(self, study_id: str, after: int) -> AsyncGenerator[StudyEvent]:
        """Every event of the study with an id above `after`, stored and to come, in order."""
        cursor = after
        with self._stream(study_id) as queue:
            await self._begin()
            while page := await run_sync(self._page, study_id, cursor):
                for stored in page:
                    yield stored
                cursor = page[-1].id
            while not self._closing.is_set() and (live := await queue.get()):
                if live.id > cursor:
                    cursor = live.id
                    yield live

    async def batches(
        self, after: int | None, gather_seconds: float, beat_seconds: float
    ) -> AsyncGenerator[tuple[StudyEvent, ...]]:
        """Events of every study, those of `gather_seconds` together, in order.

        Args:
            after: begin with stored events above this id; None for what comes from now on.
            beat_seconds: a batch comes at least so often, empty if nothing happened.

        """
        with self._stream(None) as queue:
            cursor = await self._begin()
            if after is not None:
                cursor = after
                while page := await run_sync(self._page, None, cursor):
                    yield page
                    cursor = page[-1].id
            yield ()
            while not self._closing.is_set():
                try:
                    first = await asyncio.wait_for(queue.get(), beat_seconds)
                except TimeoutError:
                    yield ()
                    continue
                await asyncio.sleep(gather_seconds)
                waiting = [first, *(queue.get_nowait() for _ in range(queue.qsize()))]
                events = tuple(event for event in waiting if event and event.id > cursor)
                if events:
                    cursor = events[-1].id
                    yield events
                if None in waiting:
                    return

    async def _begin(self) -> int:
        """Have the poller at work; the id of the newest event that it has handed out.

        It has to be before stored events are read: what is stored after that reading then comes
        through the queue, and nothing falls in between.
        """
        if self._cursor is None:
            latest = await run_sync(self._latest)
            self._cursor = latest if self._cursor is None else self._cursor
        self._wanted.set()
        return self._cursor

    @contextlib.contextmanager
    def _stream(self, study_id: str | None) -> Iterator[_Queue]:
        queue: _Queue = asyncio.Queue(_MOST_WAITING)
        self._streams[study_id].add(queue)
        try:
            yield queue
        finally:
            self._streams[study_id].discard(queue)
            if not self._streams[study_id]:
                del self._streams[study_id]
            if not self._streams and not self._closing.is_set():
                self._wanted.clear()
                self._cursor = None

    async def _hand_out(self) -> None:
        while self._cursor is not None:
            events = await run_sync(self._page, None, self._cursor)
            if not events or self._cursor is None:
                return
            for event in events:
                for queue in self._of(event.study_id):
                    if queue.full():
                        _end(queue)  # its reader comes back with Last-Event-ID
                    else:
                        queue.put_nowait(event)
            self._cursor = max(self._cursor, events[-1].id)

    def _of(self, study_id: str) -> list[_Queue]:
        return [*self._streams.get(study_id, ()), *self._streams.get(None, ())]

    def _page(self, study_id: str | None, after: int) -> tuple[StudyEvent, ...]:
        with self._database.read() as session:
            return events_after(session, study_id, after, _PAGE)

    def _latest(self) -> int:
        with self._database.read() as session:
            return last_event_id(session)


def _end(queue: _Queue) -> None:
    if queue.full():
        queue.get_nowait()
    queue.put_nowait(None)
