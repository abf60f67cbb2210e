"""Secrets are looked up once for all who show them, and never believed after a change."""

import asyncio
import threading

from sqlalchemy import event

from app.auth.access import Access
from app.auth.known import KnownSecrets
from tests.app.access.keyed import made_key
from tests.patience import PATIENCE_SECONDS
from tuner.storage.access.keys import revoke_key
from tuner.storage.sql.database import Database


def test_a_crowd_with_one_key_has_it_looked_up_once(database: Database) -> None:
    _, secret = made_key(database)
    reads = list[object]()
    event.listen(database.readers, "checkout", lambda *_: reads.append(_))

    async def crowd() -> list[Access | None]:
        known = KnownSecrets(database)
        return await asyncio.gather(*(known.of_secret(secret) for _ in range(50)))

    assert all(asyncio.run(crowd()))
    assert len(reads) == 1


def test_who_leaves_does_not_end_the_look_up_of_others(database: Database) -> None:
    _, secret = made_key(database)

    async def two() -> Access | None:
        known = KnownSecrets(database)
        first, second = (asyncio.create_task(known.of_secret(secret)) for _ in range(2))
        await asyncio.sleep(0)  # both wait for the same look-up
        first.cancel()
        return await second

    assert asyncio.run(two()) is not None


def test_what_was_being_looked_up_as_a_key_was_revoked_is_not_believed(database: Database) -> None:
    key, secret = made_key(database)
    has_read, may_go_on = threading.Event(), threading.Event()

    @event.listens_for(database.readers, "checkin", once=True)
    def hold_up(*_: object) -> None:
        has_read.set()
        assert may_go_on.wait(PATIENCE_SECONDS)

    def revoke() -> None:
        assert has_read.wait(PATIENCE_SECONDS)
        with database.write() as session:
            revoke_key(session, key.id)

    async def revoked_meanwhile() -> list[Access | None]:
        known = KnownSecrets(database)
        before = asyncio.create_task(known.of_secret(secret))
        await asyncio.to_thread(revoke)
        known.forget()
        after = await known.of_secret(secret)
        may_go_on.set()
        return [await before, after, await known.of_secret(secret)]

    before, *after = asyncio.run(revoked_meanwhile())
    assert before is not None
    assert after == [None, None]
