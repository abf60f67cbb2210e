"""Many requests of trainers share a transaction, and reports do not wait for a crowd of leases."""

import asyncio
from contextlib import suppress

from app.trainers.group_commit import MOST_LEASES, GroupCommit
from tuner.records.errors import TunerError
from tuner.storage.leases.leasing import AskedForTrial
from tuner.storage.leases.report_records import TrainerReport
from tuner.storage.sql.database import Database

CROWD = 5 * MOST_LEASES


def test_a_report_overtakes_a_crowd_that_asks_for_trials(database: Database) -> None:
    assert asyncio.run(answered(database)).index("report") <= MOST_LEASES


def test_everybody_in_the_crowd_is_answered_before_it_stops(database: Database) -> None:
    assert sorted(asyncio.run(answered(database))) == sorted([*map(str, range(CROWD)), "report"])


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
    report = TrainerReport(order_id="none", attempt=1, step=1, train_loss=(1.0,))
    waiting = asyncio.gather(*crowd, ask("report", report))
    await asyncio.sleep(0)  # each has been asked once this comes back
    commits.start()
    await asyncio.to_thread(commits.stop)
    await waiting
    return order
