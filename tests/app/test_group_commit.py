"""Many requests of trainers share a transaction, and reports do not wait for a crowd of leases."""

import asyncio
from contextlib import suppress

from sqlalchemy import event

from app.trainers.group_commit import MOST_LEASES, SIBLINGS, GroupCommit
from tuner.records.errors import TunerError
from tuner.storage.leases.leasing import AskedForTrial
from tuner.storage.leases.report_records import TrainerReport
from tuner.storage.sql.database import Database

CROWD = 5 * MOST_LEASES
REPORT = TrainerReport(order_id="none", attempt=1, step=1, train_loss=(1.0,))


def test_a_report_overtakes_a_crowd_that_asks_for_trials(database: Database) -> None:
    assert asyncio.run(answered(database)).index("report") <= MOST_LEASES


def test_everybody_in_the_crowd_is_answered_before_it_stops(database: Database) -> None:
    assert sorted(asyncio.run(answered(database))) == sorted([*map(str, range(CROWD)), "report"])


def test_what_follows_many_at_a_time_shares_the_next_transaction(database: Database) -> None:
    assert asyncio.run(transactions(database, SIBLINGS)) == 2


def test_who_reports_alone_waits_for_nobody(database: Database) -> None:
    assert asyncio.run(transactions(database, 1)) == 4


async def transactions(database: Database, first: int) -> int:
    """Transactions that take so many reports at once, then three more one after the other.

    They are gathered for an hour, which the end of the commits cuts short.
    """
    commits, begun = GroupCommit(database, gather_seconds=3600.0), list[object]()
    event.listen(database.engine, "checkout", lambda *_: begun.append(_))

    async def ask() -> None:
        with suppress(TunerError):
            await commits.write(REPORT)

    at_once = asyncio.gather(*(ask() for _ in range(first)))
    await asyncio.sleep(0)
    commits.start()
    await at_once
    if first < SIBLINGS:
        for _ in range(3):
            await ask()
        commits.stop()
    else:
        later = asyncio.gather(*(ask() for _ in range(3)))
        await asyncio.sleep(0)
        await asyncio.to_thread(commits.stop)
        await later
    return len(begun)


async def answered(database: Database) -> list[str]:
    """Who got an answer, in the order of the answers: of no study, they are all refused."""
    commits, order = GroupCommit(database), list[str]()

    async def ask(name: str, asked: AskedForTrial | TrainerReport) -> None:
        with suppress(TunerError):
            await commits.write(asked)
        order.append(name)

    crowd = [
        ask(str(number), AskedForTrial(study_id="std_0", worker=str(number), ttl_seconds=60))
        for number in range(CROWD)
    ]
    waiting = asyncio.gather(*crowd, ask("report", REPORT))
    await asyncio.sleep(0)  # each has been asked once this comes back
    commits.start()
    await asyncio.to_thread(commits.stop)
    await waiting
    return order
