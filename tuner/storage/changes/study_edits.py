"""Change what may be changed of a study once it is queued, and count the studies of projects."""

import datetime as dt
from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tuner.records.errors import TooManyLabels
from tuner.records.snapshot import StudyRecord
from tuner.spec.study_fields import MOST_LABELS
from tuner.storage.events import EventKind, write_event
from tuner.storage.sql.tables import StudyRow
from tuner.storage.studies import get_study, study_row
from tuner.storage.study_records import record_of


class Edit(NamedTuple):
    """The changes to make to a study; a field that is None stays as it is."""

    priority: int | None = None
    project: str | None = None
    labels: Mapping[str, str | None] = {}
    """Labels to set; None removes one. Others stay."""


def edit_study(session: Session, study_id: str, edit: Edit) -> StudyRecord:
    """Change a study's priority, project or labels, with its event; also one that has ended.

    Repeating an edit changes nothing.

    Raises:
        StudyNotFound: if there is none of that id.
        TooManyLabels: if it would have more than `MOST_LABELS`.

    """
    study = get_study(session, study_id)
    labels = {**study.current_labels, **edit.labels}
    kept = {name: value for name, value in labels.items() if value is not None}
    if len(kept) > MOST_LABELS:
        raise TooManyLabels(study_id, len(kept), MOST_LABELS)
    wanted = (
        study.priority if edit.priority is None else edit.priority,
        study.current_project if edit.project is None else edit.project,
        kept,
    )
    if wanted == (study.priority, study.current_project, study.current_labels):
        return study
    row = study_row(session, study_id)
    row.priority, row.project, row.labels = wanted
    row.edits += 1
    row.updated_at = dt.datetime.now(dt.UTC)
    told = dict(zip(("priority", "project", "labels"), wanted, strict=True))
    write_event(session, study_id, EventKind.STUDY_EDITED, told)
    return record_of(row)


class Project(NamedTuple):
    """A project, and how many studies belong to it."""

    name: str
    studies: int


def list_projects(session: Session) -> tuple[Project, ...]:
    """Every project by name; studies of none are those of the project without a name."""
    name = func.coalesce(StudyRow.project, "").label("name")
    rows = session.execute(select(name, func.count()).group_by(name).order_by(name))
    return tuple(Project(*row) for row in rows)
