"""Find the access that a secret gives, and keep the result for a second.

Of many API processes, the one that revokes a key heeds that at once, the others within that second.
While the database cannot be read, the last results stay valid: only what needs no database can be
answered then, such as the metric that says so.
"""

import asyncio
import datetime as dt
import hmac
import math
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final, NamedTuple, TypeVar

import anyio
from anyio.to_thread import run_sync

from app.auth.access import Access
from tuner.records.errors import TunerError
from tuner.spec.access import Scope, permitted
from tuner.storage.access.keys import ApiKey, find_secret, has_keys, note_uses
from tuner.storage.access.secrets import SHARE, digest, is_same, prefix_of
from tuner.storage.access.sessions import find_session
from tuner.storage.access.share_links import find_link
from tuner.storage.sql.database import Database
from tuner.storage.sql.viewers import Viewer

BELIEVED_SECONDS: Final = 1.0
USES_SECONDS: Final = 15.0
"""Seconds between two times at which the last uses of keys are stored."""
_MOST_KEPT: Final = 10_000
_THREADS: Final = 8  # apart from those that routes run in

T = TypeVar("T")


class _Found(NamedTuple):
    access: Access | None
    at: float
    until: dt.datetime | None
    """Time at which the access ends by itself; None if it does not."""


class KnownSecrets:
    """The access that recent secrets give. Belongs to one event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._found: dict[str, _Found] = {}  # by the SHA-256 of what was shown
        self._looking: dict[str, asyncio.Future[Any]] = {}
        """Lookups under way, by the name that the result is kept under."""
        self._uses: dict[str, dt.datetime] = {}
        self._has_keys = False
        self._looked_at = float("-inf")
        self._threads = anyio.CapacityLimiter(_THREADS)
        self._closing = anyio.Event()

    async def are_keys_needed(self) -> bool:
        """True if a key was ever made."""
        if not self._has_keys and time.monotonic() - self._looked_at > BELIEVED_SECONDS:
            try:
                self._has_keys = await self._look_once("any key", self._any_key)
            except TunerError:
                if math.isinf(self._looked_at):
                    raise
            else:
                self._looked_at = time.monotonic()
        return self._has_keys

    async def of_secret(self, text: str) -> Access | None:
        """The access that a key, or the secret of a share link, gives; None if it gives none."""
        return await self._remembered(digest(text), partial(self._of_secret, text))

    async def of_session(self, token: str) -> Access | None:
        """The access that a browser's session gives; None if it gives none."""
        return await self._remembered(digest(f"session {token}"), partial(self._of_token, token))

    def forget(self) -> None:
        """Drop all results, also of lookups under way: a key or a link has changed."""
        self._found, self._looking = {}, {}

    async def keep_uses(self) -> None:
        """Store the last uses of keys now and then, until closed."""
        while not self._closing.is_set():
            with anyio.move_on_after(USES_SECONDS):
                await self._closing.wait()
            with suppress(TunerError):  # the next time has them all
                await self._look(self.store_uses)

    def close(self) -> None:
        """End `keep_uses`, which stores what it has. Call it on the event loop."""
        self._closing.set()

    def store_uses(self) -> None:
        """Store the last uses of keys.

        Raises:
            StorageUnavailable: if the database cannot be written.

        """
        uses = dict(self._uses)
        if not uses:
            return
        with self._database.write() as session:
            note_uses(session, uses)
        for key_id, at in uses.items():
            if self._uses.get(key_id) == at:
                del self._uses[key_id]

    async def _remembered(
        self, name: str, find: Callable[[], tuple[Access | None, dt.datetime | None]]
    ) -> Access | None:
        kept, now = self._found, dt.datetime.now(dt.UTC)
        found = kept.get(name)
        if found is None or time.monotonic() - found.at > BELIEVED_SECONDS:
            if len(kept) >= _MOST_KEPT:
                kept.clear()
            try:
                access, until = await self._look_once(name, find)
            except TunerError:
                if found is None:
                    raise
            else:
                found = kept[name] = _Found(access, time.monotonic(), until)
        if found.access is None or (found.until is not None and found.until <= now):
            return None
        if found.access.key is not None:
            self._uses[found.access.key.id] = now
        return found.access

    async def _look_once(self, name: str, find: Callable[[], T]) -> T:
        """Look something up once for all who ask meanwhile: dozens of requests may show one key."""
        looking = self._looking
        if name not in looking:
            look = looking[name] = asyncio.ensure_future(self._look(find))
            look.add_done_callback(partial(_done, looking, name))
        found: T = await asyncio.shield(looking[name])  # who leaves must not end it for others
        return found

    async def _look(self, find: Callable[[], T]) -> T:
        return await run_sync(find, limiter=self._threads)

    def _any_key(self) -> bool:
        with self._database.read() as session:
            return has_keys(session)

    def _of_secret(self, text: str) -> tuple[Access | None, dt.datetime | None]:
        prefix, now = prefix_of(text), dt.datetime.now(dt.UTC)
        with self._database.read() as session:
            if prefix is not None and prefix.startswith(SHARE):
                link = find_link(session, prefix)
                if not is_same(text, link and link[0]) or link is None:
                    return None, None
                if not link[1].is_usable(now):
                    return None, None
                viewer = Viewer(None, shared_study_id=link[1].study_id)
                return Access(frozenset({Scope.READ}), viewer), link[1].expires_at
            stored = None if prefix is None else find_secret(session, prefix)
        if not is_same(text, stored and stored.sha256) or stored is None:
            return None, None
        if not stored.key.is_usable(now):
            return None, None
        return _of_key(stored.key), _earlier(stored.expires_at, stored.key.expires_at)

    def _of_token(self, token: str) -> tuple[Access | None, dt.datetime | None]:
        with self._database.read() as session:
            found = find_session(session, token)
        if found is None or not found.key.is_usable(dt.datetime.now(dt.UTC)):
            return None, None
        access = _of_key(found.key)._replace(csrf_token=csrf_token(token))
        return access, _earlier(found.expires_at, found.key.expires_at)


def _done(
    looking: "dict[str, asyncio.Future[Any]]", name: str, look: "asyncio.Future[Any]"
) -> None:
    del looking[name]
    if not look.cancelled():
        look.exception()  # asyncio logs one that nobody asks for, as when everybody has left


def csrf_token(session_token: str) -> str:
    """The token that a session's pages send with every change: another site cannot know it."""
    return hmac.digest(session_token.encode(), b"csrf", "sha256").hex()


def _of_key(key: ApiKey) -> Access:
    return Access(permitted(key.scopes), Viewer(key.owner, key.id), key)


def _earlier(one: dt.datetime | None, other: dt.datetime | None) -> dt.datetime | None:
    return min((at for at in (one, other) if at is not None), default=None)
