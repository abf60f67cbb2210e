"""Studies as a list, page by page."""

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from sqlalchemy import JSON, ColumnElement, func, select, tuple_
from sqlalchemy.orm import Session

from parametrization.recommendation.record import Record
from tuner.records.errors import StudyUnreadable
from tuner.records.snapshot import StudyRecord
from tuner.spec.states import StudyState
from tuner.storage.requests import page_tokens
from tuner.storage.sql.json_columns import has_member, has_named_element
from tuner.storage.sql.tables import StudyRow
from tuner.storage.study_records import record_of


class UnreadableStudy(Record):
    """A study that cannot be read here, because a plugin is gone or what is stored is damaged."""

    id: str
    state: str
    """A `StudyState`, or one of a newer release."""
    problem: str
    """The reason why it cannot be read, in words, with the remedy."""


class StudyPage(Record):
    """A page of studies, newest first, and the token of the next page."""

    studies: tuple[StudyRecord, ...]
    unreadable: tuple[UnreadableStudy, ...]
    next_page_token: str | None


class StudyFilter(NamedTuple):
    """The studies to list: those that match every field; None or empty matches any."""

    project: str | None = None
    label: Sequence[tuple[str, str | None]] = ()
    """Names that a study's labels must have, each with this value, or with any if it is None."""
    family: str | None = None
    optimizer: str | None = None
    """An optimizer that the study tunes."""
    name: str | None = None
    """A part of its name, in any case."""
    created_after: dt.datetime | None = None
    created_before: dt.datetime | None = None
    only_checks: bool | None = None
    """True: only studies that stop after their coordinate check; False: only others."""


ANY_STUDY: Final = StudyFilter()


def list_studies(
    session: Session,
    *,
    page_size: int,
    page_token: str | None = None,
    state: StudyState | Sequence[StudyState] | None = None,
    wanted: StudyFilter = ANY_STUDY,
) -> StudyPage:
    """Read a page of studies, newest first, in one of these states or in any.

    Raises:
        BadPageToken: if the token is not one that this function gave.

    """
    query = select(StudyRow).where(*_conditions(session, wanted))
    if state:
        states = [state] if isinstance(state, StudyState) else state
        query = query.where(StudyRow.state.in_(states))
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


def studies_by_state(session: Session) -> dict[StudyState, int]:
    """Number of studies in each state, 0 included."""
    rows = session.execute(select(StudyRow.state, func.count()).group_by(StudyRow.state))
    counted = {state: count for state, count in rows}
    return {state: counted.get(state.value, 0) for state in StudyState}


def studies_completed_since(session: Session, moment: dt.datetime) -> int:
    """Number of studies completed since a moment."""
    query = select(func.count()).select_from(StudyRow)
    return (
        session.scalar(
            query.where(StudyRow.state == StudyState.COMPLETED, StudyRow.finished_at >= moment)
        )
        or 0
    )


def _conditions(session: Session, wanted: StudyFilter) -> Iterator[ColumnElement[bool]]:
    spec = StudyRow.spec
    if wanted.project is not None:
        yield func.coalesce(StudyRow.project, "") == wanted.project
    if wanted.family is not None:
        yield spec["family"]["name"].as_string() == wanted.family
    if wanted.optimizer is not None:
        yield has_named_element(session, spec["optimizers"], wanted.optimizer)
    if wanted.name is not None:
        name = func.lower(spec["name"].as_string())
        yield name.contains(wanted.name.lower(), autoescape=True)
    yield from _created(wanted)
    if wanted.only_checks is not None:
        stops = func.coalesce(spec["stop_after"].as_string(), "") == "check"
        yield stops if wanted.only_checks else ~stops
    labels = func.coalesce(StudyRow.labels, spec["labels"], type_=JSON)
    for label, value in wanted.label:
        yield has_member(session, labels, label, value)


def _created(wanted: StudyFilter) -> Iterator[ColumnElement[bool]]:
    if wanted.created_after is not None:
        yield StudyRow.created_at > wanted.created_after
    if wanted.created_before is not None:
        yield StudyRow.created_at < wanted.created_before
