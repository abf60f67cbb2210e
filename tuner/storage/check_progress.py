"""Count the coordinate checks of a study: one order for each optimizer and width."""

from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tuner.spec.states import OrderState
from tuner.storage.sql.tables import CoordinateCheckRow, OrderRow


class CheckProgress(NamedTuple):
    finished: int
    """Optimizers and widths whose statistics are stored."""
    running: int


def check_progress(session: Session, study_id: str) -> CheckProgress:
    """How far the coordinate check of a study is."""
    checked = (
        select(CoordinateCheckRow.optimizer, CoordinateCheckRow.width)
        .where(CoordinateCheckRow.study_id == study_id)
        .distinct()
    )
    running = select(func.count()).where(
        OrderRow.study_id == study_id, OrderRow.state == OrderState.OPEN, OrderRow.kind == "check"
    )
    return CheckProgress(
        finished=session.scalar(select(func.count()).select_from(checked.subquery())) or 0,
        running=session.scalar(running) or 0,
    )
