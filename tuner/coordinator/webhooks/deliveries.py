"""Send events to webhooks from a thread beside the coordinator, while it leads.

One process leads, so one process sends. An event is sent again until it is answered with 2xx: at
least once, and in the order of events.
"""

import datetime as dt
import logging
import threading
from collections.abc import Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Final

from tuner.coordinator.webhooks.guarded_http import Undelivered, post
from tuner.coordinator.webhooks.signed import message
from tuner.records.errors import TunerError
from tuner.storage.sql.database import Database
from tuner.storage.webhooks.webhooks import Due, due_deliveries, store_delivery

POLL_SECONDS: Final = 0.5
_AT_ONCE: Final = 8
"""Webhooks served at the same time: a slow receiver holds up none but itself."""

log = logging.getLogger(__name__)


def deliver(database: Database, due: Due, private_hosts: Collection[str]) -> None:
    """Send one message and store its outcome."""
    error = None
    try:
        post(due.webhook.url, message(due, dt.datetime.now(dt.UTC)), private_hosts)
    except Undelivered as undelivered:
        error = str(undelivered)
        log.warning("webhook.undelivered", extra={"fields": {"webhook": due.webhook.id}})
    with database.write() as session:
        store_delivery(session, due, error, dt.datetime.now(dt.UTC))


@contextmanager
def delivering(database: Database, private_hosts: Collection[str]) -> Iterator[None]:
    """Send events while the block lasts; its end waits for the messages on their way."""
    stop = threading.Event()
    thread = threading.Thread(
        target=partial(_deliver_until, stop, database, private_hosts), name="webhooks"
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _deliver_until(
    stop: threading.Event, database: Database, private_hosts: Collection[str]
) -> None:
    under_way: dict[str, Future[None]] = {}
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="webhook") as pool:
        while not stop.wait(POLL_SECONDS):
            under_way = {id_: sending for id_, sending in under_way.items() if not sending.done()}
            try:
                with database.read() as session:
                    now = dt.datetime.now(dt.UTC)
                    found = due_deliveries(session, now, list(under_way))
            except TunerError as error:  # the next turn tries again
                log.warning("webhooks.unreadable", extra={"fields": {"problem": str(error)}})
                continue
            for due in found:
                under_way[due.webhook.id] = pool.submit(deliver, database, due, private_hosts)
