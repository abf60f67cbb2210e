"""A study's events as a stream (SSE)."""

import contextlib
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent

from app.auth.streams import while_permitted
from app.dependencies import Db, Feed, StillPermitted, StudyId
from tuner.storage.studies import get_study

router = APIRouter(prefix="/v1/studies/{study_id}", tags=["events"])


def _existing_study(study_id: StudyId, database: Db) -> str:
    """Look before the stream begins: once it has, its status can no longer say 404."""
    with database.read() as session:
        return get_study(session, study_id).id


@router.get("/events", response_class=EventSourceResponse)
async def stream_events(
    study_id: Annotated[str, Depends(_existing_study)],
    feed: Feed,
    still_permitted: StillPermitted,
    after: Annotated[
        int, Query(ge=0, lt=2**63, description="Begin after this event's id; 0 for all of them")
    ] = 0,
    last_event_id: Annotated[
        int | None,
        Header(ge=0, lt=2**63, description="Sent by browsers on reconnection; wins over `after`"),
    ] = None,
) -> AsyncIterator[ServerSentEvent]:
    """Everything that happens to a study: first what is stored, then what comes.

    `event:` is the kind (`study.state`, `trial.state`, `trial.progress`, ...), `data:` a JSON
    object. The stream stays open, with a comment every 15 s; reconnect with the last `id:` to
    miss nothing.
    """
    begin = after if last_event_id is None else last_event_id
    permitted = while_permitted(feed.events(study_id, begin), still_permitted)
    async with contextlib.aclosing(permitted) as events:
        async for event in events:
            yield ServerSentEvent(
                id=str(event.id),
                event=event.kind,
                data={**event.data, "created_at": event.created_at},
                retry=1_000,
            )
