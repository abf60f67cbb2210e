"""Read the trials that reports are about, and write back what the reports changed, all at once.

They are not objects of the session, which would take most of the time that a report takes.
"""

import datetime as dt
from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields
from typing import Any, Final, cast

from sqlalchemy import Connection, Table, bindparam, select, update

from tuner.spec.states import StateReason, TrialState
from tuner.storage.sql.tables import TrialRow


@dataclass(slots=True)
class ReportedTrial:
    """A trial while reports are worked into it."""

    study_id: str
    number: int
    purpose: str
    width: int
    hyperparameters: dict[str, Any]
    started_at: dt.datetime | None
    state: str
    state_reason: str | None
    message: str | None
    value: float | None
    validation_loss: float | None
    intermediate_values: dict[str, Any]
    step: int
    checkpoint: str | None
    finished_at: dt.datetime | None

    def as_read(self) -> dict[str, Any]:
        """The fields that reports change, as a `TrialRecord` read after the commit has them."""
        values = {int(step): value for step, value in self.intermediate_values.items()}
        return {name: getattr(self, name) for name in _CHANGING} | {
            "state": TrialState(self.state),
            "state_reason": None if self.state_reason is None else StateReason(self.state_reason),
            "intermediate_values": values,
        }


_TABLE: Final = cast("Table", TrialRow.__table__)
_READ: Final = tuple(one.name for one in fields(ReportedTrial))
_CHANGING: Final = _READ[_READ.index("state") :]
_NUMBERED: Final = (
    select(*(_TABLE.columns[name] for name in _READ))
    .where(TrialRow.study_id == bindparam("of_study"))
    .where(TrialRow.number.in_(bindparam("numbers", expanding=True)))
)
_CHANGE: Final = (
    update(_TABLE)
    .where(TrialRow.study_id == bindparam("of_study"), TrialRow.number == bindparam("of_number"))
    .values({name: bindparam(f"new_{name}", type_=_TABLE.columns[name].type) for name in _CHANGING})
)


def reported_trials(
    connection: Connection, study_id: str, numbers: Collection[int]
) -> dict[int, ReportedTrial]:
    """The study's trials of these numbers."""
    if not numbers:
        return {}
    given = {"of_study": study_id, "numbers": sorted(numbers)}
    found = (ReportedTrial(*row) for row in connection.execute(_NUMBERED, given))
    return {trial.number: trial for trial in found}


def write_trials(connection: Connection, trials: Iterable[ReportedTrial]) -> None:
    """Store these trials as they are now."""
    if changes := [_changes(trial) for trial in trials]:
        connection.execute(_CHANGE, changes)


def _changes(trial: ReportedTrial) -> dict[str, Any]:
    changes = {f"new_{name}": getattr(trial, name) for name in _CHANGING}
    return changes | {"of_study": trial.study_id, "of_number": trial.number}
