"""Read a study's row, with its documents, and its coordinate check's statistics as records."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from tuner.records.errors import DocumentUnreadable, StudyUnreadable
from tuner.records.snapshot import OptimizerStatistic, StudyRecord
from tuner.spec.versions import other_plugins
from tuner.storage.documents import DYNAMICS, PACKINGS, SHAPE, SPEC, DocumentKind, what_is_wrong
from tuner.storage.sql.tables import CoordinateCheckRow, StudyRow

_DOCUMENTS: Final[Mapping[str, DocumentKind[Any]]] = {
    "spec": SPEC,
    "shape": SHAPE,
    "packings": PACKINGS,
    "dynamics": DYNAMICS,
}
"""Kinds of a study's documents, by column."""
_STATISTICS: Final = TypeAdapter(tuple[OptimizerStatistic, ...])


def record_of(row: StudyRow) -> StudyRecord:
    """A stored study.

    Raises:
        StudyUnreadable: if it cannot be read, with the reason and what to do about it.

    """
    stored = {name: getattr(row, name) for name in StudyRecord.model_fields}
    try:
        for name, kind in _DOCUMENTS.items():
            if name == "spec" or stored[name] is not None:
                stored[name] = kind.read(stored[name])
        return StudyRecord.model_validate(stored)
    except DocumentUnreadable as error:
        raise StudyUnreadable(row.id, other_plugins(row.spec) or error.reason) from error
    except ValidationError as error:
        raise StudyUnreadable(row.id, what_is_wrong(error, stored)) from error


def only_checks(spec: object) -> bool:
    """True if a specification, as stored in the database, ends with its coordinate check.

    >>> only_checks({"stop_after": "check"})
    True
    """
    match spec:
        case {"stop_after": "check"}:
            return True
    return False


def why_unreadable(row: StudyRow) -> str | None:
    """The reason why a stored study cannot be read, with the remedy; None if it can."""
    try:
        record_of(row)
    except StudyUnreadable as error:
        return error.reason
    return None


def statistics_of(session: Session, study_id: str) -> tuple[OptimizerStatistic, ...]:
    """The coordinate check's statistics of a study, oldest first.

    Raises:
        StudyUnreadable: if one of them cannot be read.

    """
    columns = CoordinateCheckRow.__table__.columns
    rows = session.execute(
        select(*(columns[name] for name in OptimizerStatistic.model_fields))
        .where(CoordinateCheckRow.study_id == study_id)
        .order_by(CoordinateCheckRow.id)
    ).mappings()
    stored = tuple(map(dict, rows))
    try:
        return _STATISTICS.validate_python(stored)
    except ValidationError as error:
        reason = f"its coordinate check cannot be read: {what_is_wrong(error, stored)}"
        raise StudyUnreadable(study_id, reason) from error
