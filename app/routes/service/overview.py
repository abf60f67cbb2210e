"""The whole service at a glance, and its changes as one stream (SSE)."""

import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Final

from anyio.to_thread import run_sync
from fastapi import APIRouter, Header, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent

from app.auth.streams import while_permitted
from app.dependencies import Db, Feed, Settings, StillPermitted, Verdicts
from app.schemas.studies import StudySummary, study_summary
from app.standings.overview import Overview, read_overview
from app.standings.standing import EndedVerdicts, read_standing
from parametrization.recommendation.record import Record
from tuner.records.errors import StudyNotFound, StudyUnreadable
from tuner.storage.events import StudyEvent
from tuner.storage.sql.database import Database
from tuner.storage.studies import get_study

router = APIRouter(prefix="/v1", tags=["events"])

GATHER_SECONDS: Final = 0.5
"""Seconds in which events are gathered: what happens within them is told at once."""
BEAT_SECONDS: Final = 10.0


class StudyChange(Record):
    """A study as it is now, and what has happened to it since its last change."""

    study: StudySummary
    kinds: tuple[str, ...]
    """Kinds of its events, each once."""


@router.get("/overview")
def show_overview(database: Db, settings: Settings) -> Overview:
    """Studies by state, workers, and what waits for a decision."""
    now = dt.datetime.now(dt.UTC)
    with database.read() as session:
        return read_overview(session, now, settings.coordinator_silence_seconds)


@router.get("/events", response_class=EventSourceResponse)
async def stream_changes(
    database: Db,
    feed: Feed,
    still_permitted: StillPermitted,
    verdicts: Verdicts,
    after: Annotated[
        int | None,
        Query(ge=0, lt=2**63, description="Begin after this event's id; default: from now on"),
    ] = None,
    last_event_id: Annotated[
        int | None,
        Header(ge=0, lt=2**63, description="Sent by browsers on reconnection; wins over `after`"),
    ] = None,
) -> AsyncIterator[ServerSentEvent]:
    """Every study as it changes, for pages that show several: one stream is enough for a browser.

    `event: change` carries a study's summary, about twice a second at most, however many trials
    report; `event: beat` says at least every 10 s that the stream is alive.
    """
    begin = after if last_event_id is None else last_event_id
    batches = feed.batches(begin, GATHER_SECONDS, BEAT_SECONDS)
    async with contextlib.aclosing(while_permitted(batches, still_permitted)) as stream:
        async for events in stream:
            changes = await run_sync(_changes, database, events, verdicts)
            for change in changes:
                yield ServerSentEvent(event="change", data=change.model_dump(mode="json"))
            latest = str(events[-1].id) if events else None
            yield ServerSentEvent(
                event="beat", id=latest, data={"now": dt.datetime.now(dt.UTC)}, retry=1_000
            )


def _changes(
    database: Database, events: Sequence[StudyEvent], verdicts: EndedVerdicts
) -> list[StudyChange]:
    kinds: dict[str, dict[str, None]] = {}
    for event in events:
        kinds.setdefault(event.study_id, {})[event.kind] = None
    now = dt.datetime.now(dt.UTC)
    found = []
    with database.read() as session:
        for study_id, happened in kinds.items():
            with contextlib.suppress(StudyNotFound, StudyUnreadable):
                study = get_study(session, study_id)
                standing = read_standing(session, study, now, verdicts)
                found.append(
                    StudyChange(study=study_summary(study, standing), kinds=tuple(happened))
                )
    return found
