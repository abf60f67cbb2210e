"""Collect the changes that a transaction makes to trials, so that memory need not read them again.

Only starts and reports, which happen several times a second, are collected. Trials that are ended,
pruned or restarted in another way have to be read again.
"""

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from sqlalchemy.orm import Session

Changes: TypeAlias = Mapping[str, Any]
"""New values of fields of a `TrialRecord`, as they would be read."""

_WRITTEN: Final = "changes of trials"


def note_written(session: Session, study_id: str, number: int, changes: Changes) -> None:
    """Note changes that this transaction has made to a trial."""
    written: dict[tuple[str, int], dict[str, Any]] = session.info.setdefault(_WRITTEN, {})
    written.setdefault((study_id, number), {}).update(changes)


def written_trials(session: Session) -> Mapping[tuple[str, int], Changes]:
    """Changes that this transaction has made to trials, by study id and number."""
    written: dict[tuple[str, int], dict[str, Any]] = session.info.get(_WRITTEN, {})
    return written
