"""Tell what a transaction has changed of trials: who keeps their records need not read them again.

Told by what happens several times a second, starts and reports. Whoever ends, prunes or restarts a
trial otherwise tells nothing: those have to be read.
"""

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from sqlalchemy.orm import Session

Changes: TypeAlias = Mapping[str, Any]
"""New values of fields of a `TrialRecord`, as they would be read."""

_WRITTEN: Final = "changes of trials"


def note_written(session: Session, study_id: str, number: int, changes: Changes) -> None:
    """Note what this transaction has changed of a trial."""
    written: dict[tuple[str, int], dict[str, Any]] = session.info.setdefault(_WRITTEN, {})
    written.setdefault((study_id, number), {}).update(changes)


def written_trials(session: Session) -> Mapping[tuple[str, int], Changes]:
    """What this transaction has changed of trials, by study id and number."""
    written: dict[tuple[str, int], dict[str, Any]] = session.info.get(_WRITTEN, {})
    return written
