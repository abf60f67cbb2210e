"""Counts over all studies and stored recommendations."""

import datetime as dt

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tuner.spec.states import RecommendationState, StudyState
from tuner.storage.sql.tables import RecommendationRow, StudyRow


def studies_by_state(session: Session) -> dict[StudyState, int]:
    """How many studies are in each state; 0 included."""
    rows = session.execute(select(StudyRow.state, func.count()).group_by(StudyRow.state))
    counted = {state: count for state, count in rows}
    return {state: counted.get(state.value, 0) for state in StudyState}


def studies_completed_since(session: Session, moment: dt.datetime) -> int:
    """How many studies have been completed since then."""
    query = select(func.count()).select_from(StudyRow)
    return (
        session.scalar(
            query.where(StudyRow.state == StudyState.COMPLETED, StudyRow.finished_at >= moment)
        )
        or 0
    )


def recommendations_pending(session: Session) -> int:
    """How many stored recommendations nobody has decided about."""
    query = select(func.count()).select_from(RecommendationRow)
    return session.scalar(query.where(RecommendationRow.state == RecommendationState.PENDING)) or 0
