"""Define the dependencies that routes ask for by annotation."""

from collections.abc import Awaitable, Callable
from typing import Annotated, cast

from anyio import CapacityLimiter
from fastapi import Depends, Header, Path, Request

import app.http.paths  # noqa: F401  the convertor of ids
from app.auth.access import Access, access_of
from app.auth.known import KnownSecrets
from app.event_feed import EventFeed
from app.kept_answers import KeptAnswers
from app.settings import AppSettings
from app.standings.standing import EndedVerdicts
from app.trainers.group_commit import GroupCommit
from app.trainers.trial_kinds import TrialKinds
from tuner.storage.sql.database import Database

# Coroutines, because FastAPI sends a plain function through its thread pool: a hop for nothing.


async def _database(request: Request) -> Database:
    """The database as the request's sender may see it."""
    database = cast(Database, request.app.state.database)
    return database.seen_by(access_of(request).viewer)


async def _known(request: Request) -> KnownSecrets:
    return cast(KnownSecrets, request.app.state.known)


async def _access(request: Request) -> Access:
    return access_of(request)


async def _still_permitted(request: Request) -> Callable[[], Awaitable[bool]]:
    return cast("Callable[[], Awaitable[bool]]", request.scope["still"])


async def _settings(request: Request) -> AppSettings:
    return cast(AppSettings, request.app.state.settings)


async def _commits(request: Request) -> GroupCommit:
    return cast(GroupCommit, request.app.state.commits)


async def _kinds(request: Request) -> TrialKinds:
    return cast(TrialKinds, request.app.state.trial_kinds)


async def _lease_threads(request: Request) -> CapacityLimiter:
    return cast(CapacityLimiter, request.app.state.lease_threads)


async def _feed(request: Request) -> EventFeed:
    return cast(EventFeed, request.app.state.feed)


async def _kept_answers(request: Request) -> KeptAnswers:
    return cast(KeptAnswers, request.app.state.kept_answers)


async def _verdicts(request: Request) -> EndedVerdicts:
    return cast(EndedVerdicts, request.app.state.verdicts)


Db = Annotated[Database, Depends(_database)]
Known = Annotated[KnownSecrets, Depends(_known)]
Sender = Annotated[Access, Depends(_access)]
StillPermitted = Annotated[Callable[[], Awaitable[bool]], Depends(_still_permitted)]
"""Asks whether the sender may go on reading; for streams, which outlive a key."""
Settings = Annotated[AppSettings, Depends(_settings)]
Feed = Annotated[EventFeed, Depends(_feed)]
LeaseThreads = Annotated[CapacityLimiter, Depends(_lease_threads)]
Kinds = Annotated[TrialKinds, Depends(_kinds)]
Commits = Annotated[GroupCommit, Depends(_commits)]
Kept = Annotated[KeptAnswers, Depends(_kept_answers)]
Verdicts = Annotated[EndedVerdicts, Depends(_verdicts)]
StudyId = Annotated[
    str, Path(max_length=64, pattern=r"^[A-Za-z0-9_-]+$", description="A study's id, `std_...`")
]
RecommendationId = Annotated[
    str,
    Path(
        max_length=64,
        pattern=r"^[A-Za-z0-9_-]+$",
        description="A stored recommendation's id, `rec_...`",
    ),
]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[!-~]([ -~]*[!-~])?$",
        description=(
            "Printable characters of your choice. The same key with the same body gives what the"
            " first request made, however often it is sent."
        ),
    ),
]
