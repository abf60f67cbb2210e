"""Count what a database holds, by states: a few index look-ups, however many trials there are."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from parametrization.recommendation.record import Record
from tuner.records.trial_counts import TrialCounts
from tuner.spec.states import ACTIVE_STUDY_STATES, OrderState, TrialState
from tuner.storage.sql.tables import CoordinatorRow, OrderRow, StudyEventRow, StudyRow

# By the active studies, which are few: orders that have ended are many, and stay.
_OPEN_ORDERS: Final = select(func.count()).where(
    OrderRow.study_id.in_(select(StudyRow.id).where(StudyRow.state.in_(ACTIVE_STUDY_STATES))),
    OrderRow.state == OrderState.OPEN,
)


class Totals(Record):
    studies: Mapping[str, int]
    """Number of studies by state."""
    trials: Mapping[str, int]
    """Number of trials by state, of studies that are not over."""
    open_orders: int
    epoch: int
    """Coordinators that have led so far."""
    events: int
    """Id of the newest event."""


def totals(session: Session) -> Totals:
    """Count everything, in the one state that the session sees."""
    by_state = select(StudyRow.state, func.count()).group_by(StudyRow.state)
    return Totals(
        studies={state: count for state, count in session.execute(by_state)},
        trials=_active_trials(session),
        open_orders=session.scalar(_OPEN_ORDERS) or 0,
        epoch=session.scalar(select(CoordinatorRow.epoch)) or 0,
        events=session.scalar(select(func.max(StudyEventRow.id))) or 0,
    )


def _active_trials(session: Session) -> dict[str, int]:
    query = select(StudyRow.counts).where(
        StudyRow.state.in_(ACTIVE_STUDY_STATES), StudyRow.counts.is_not(None)
    )
    found: Counter[str] = Counter(dict.fromkeys((state.value for state in TrialState), 0))
    for stored in session.scalars(query):
        for group in TrialCounts.model_validate(stored).groups:
            found.update({state.value: group.in_state(state) for state in TrialState})
    return dict(found)
