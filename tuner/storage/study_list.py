"""Studies as a list, page by page."""

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from tuner.records.errors import StudyUnreadable
from tuner.records.snapshot import StudyRecord
from tuner.spec.record import Record
from tuner.spec.states import StudyState
from tuner.storage import page_tokens
from tuner.storage.sql.tables import StudyRow
from tuner.storage.study_records import record_of


class UnreadableStudy(Record):
    """A study that cannot be read here, because a plugin is gone or what is stored is damaged."""

    id: str
    state: str
    """A `StudyState`, or one of a newer release."""
    problem: str
    """In words, why it cannot be read, with the remedy."""


class StudyPage(Record):
    """Some studies, newest first, and where the next ones are."""

    studies: tuple[StudyRecord, ...]
    unreadable: tuple[UnreadableStudy, ...]
    next_page_token: str | None


def list_studies(
    session: Session, *, state: StudyState | None, page_size: int, page_token: str | None
) -> StudyPage:
    """Read a page of studies, newest first, in one state or in any.

    Raises:
        BadPageToken: if the token is not one that this function gave.

    """
    query = select(StudyRow)
    if state is not None:
        query = query.where(StudyRow.state == state)
    if page_token is not None:
        created_at, study_id = page_tokens.read(page_token)
        place = tuple_(StudyRow.created_at, StudyRow.id)
        query = query.where(place < tuple_(created_at, study_id))
    newest_first = query.order_by(StudyRow.created_at.desc(), StudyRow.id.desc())
    rows = list(session.scalars(newest_first.limit(page_size + 1)))
    page, is_last_page = rows[:page_size], len(rows) <= page_size
    studies, unreadable = [], []
    for row in page:
        try:
            studies.append(record_of(row))
        except StudyUnreadable as error:
            unreadable.append(UnreadableStudy(id=row.id, state=row.state, problem=error.reason))
    return StudyPage(
        studies=tuple(studies),
        unreadable=tuple(unreadable),
        next_page_token=None
        if is_last_page
        else page_tokens.write(page[-1].created_at, page[-1].id),
    )
