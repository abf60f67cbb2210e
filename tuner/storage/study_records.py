"""Read a study's row, with its documents, as a record."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from tuner.records.errors import DocumentUnreadable, StudyUnreadable
from tuner.records.snapshot import StudyRecord
from tuner.spec.versions import other_plugins
from tuner.storage.documents import PACKINGS, SHAPE, SPEC, DocumentKind, what_is_wrong
from tuner.storage.tables import StudyRow

_DOCUMENTS: Final[Mapping[str, DocumentKind[Any]]] = {
    "spec": SPEC,
    "shape": SHAPE,
    "packings": PACKINGS,
}
"""By column."""


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


def why_unreadable(row: StudyRow) -> str | None:
    """Why a stored study cannot be read, and what to do about it; None if it can."""
    try:
        record_of(row)
    except StudyUnreadable as error:
        return error.reason
    return None
