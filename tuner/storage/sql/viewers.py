"""Limit a session to an owner's studies with all that belongs to them; without an owner to none.

The condition is added to every ORM query of a session, so that no query has to remember it; a query
of plain tables, or through `connection_of`, has to name `StudyRow.owner` itself.
"""

import datetime as dt
from functools import lru_cache
from math import ceil
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, Engine, event, or_, select
from sqlalchemy.orm import LoaderCriteriaOption, ORMExecuteState, Session, with_loader_criteria

from tuner.records.access_errors import QuotaReached
from tuner.storage.sql.access_tables import ApiKeyRow
from tuner.storage.sql.lease_tables import LeaseReportRow, LeaseRow, TrainerRow
from tuner.storage.sql.tables import (
    CoordinateCheckRow,
    CurveRow,
    GivenPointRow,
    OrderRow,
    RecommendationRow,
    StudyEventRow,
    StudyEvidenceRow,
    StudyRow,
    TrialRow,
)

LOCAL_OWNER: Final = "local"
"""Owner of studies that are made without a key."""
NARROWED: Final = (
    *(RecommendationRow, OrderRow, TrialRow, StudyEventRow, LeaseRow, LeaseReportRow, TrainerRow),
    *(GivenPointRow, CurveRow, CoordinateCheckRow, StudyEvidenceRow),
)
"""Tables that a session limits to visible studies, beside the table of studies itself."""
_VIEWER: Final = "viewer"
_DAY: Final = dt.timedelta(days=1)


class Viewer(NamedTuple):
    """The identity that reads the database, which decides which studies are visible."""

    owner: str | None
    """Owner of the studies that can be read and changed; None: none can."""
    api_key_id: str | None = None
    """Id of the key that is used; None without a key."""
    shared_study_id: str | None = None
    """A study of any owner that can be read; None: no such study."""

    def sees(self, study_id: str, owner: str) -> bool:
        """True if the viewer may see the study; see `visible`."""
        return owner == self.owner or study_id == self.shared_study_id


class ViewedSession(Session):
    """A session limited to what its viewer may see."""

    def __init__(self, engine: Engine, viewer: Viewer) -> None:
        super().__init__(engine, info={_VIEWER: viewer})


def viewer_of(session: Session) -> Viewer | None:
    """The viewer of a session; None if the session sees every study."""
    viewer: Viewer | None = session.info.get(_VIEWER)
    return viewer


def made_by(session: Session) -> dict[str, str | None]:
    """Owner and key id for the row of a study that this session makes.

    Raises:
        QuotaReached: if the key has made as many as it may.

    """
    viewer = viewer_of(session)
    if viewer is None:
        return {"owner": LOCAL_OWNER, "api_key_id": None}
    key = None if viewer.api_key_id is None else session.get(ApiKeyRow, viewer.api_key_id)
    if key is not None and key.studies_per_day is not None:
        _require_quota(session, key.id, key.studies_per_day)
    return {"owner": viewer.owner, "api_key_id": viewer.api_key_id}


def _require_quota(session: Session, key_id: str, studies_per_day: int) -> None:
    now = dt.datetime.now(dt.UTC)
    query = (
        select(StudyRow.created_at)
        .where(StudyRow.api_key_id == key_id, StudyRow.created_at > now - _DAY)
        .order_by(StudyRow.created_at.desc())
        .limit(studies_per_day)
    )
    made = session.scalars(query).all()
    if len(made) >= studies_per_day:
        frees = made[-1] + _DAY if made else now + _DAY
        raise QuotaReached(studies_per_day, max(1, ceil((frees - now).total_seconds())))


@event.listens_for(ViewedSession, "do_orm_execute")
def _narrow(state: ORMExecuteState) -> None:
    viewer = viewer_of(state.session)
    if viewer is not None and state.is_select and not state.is_column_load:
        state.statement = state.statement.options(*_criteria(viewer))


@lru_cache(maxsize=256)
def _criteria(viewer: Viewer) -> list[LoaderCriteriaOption]:
    seen = visible(viewer)
    ids = select(StudyRow.__table__.c.id).where(seen)
    return [
        with_loader_criteria(StudyRow, seen, include_aliases=True),
        *(
            with_loader_criteria(row, row.study_id.in_(ids), include_aliases=True)
            for row in NARROWED
        ),
    ]


def visible(viewer: Viewer) -> ColumnElement[bool]:
    """SQL condition on the studies that a viewer may see."""
    owner, id_ = StudyRow.__table__.c.owner, StudyRow.__table__.c.id
    if viewer.shared_study_id is None:
        return owner == viewer.owner
    return or_(owner == viewer.owner, id_ == viewer.shared_study_id)
