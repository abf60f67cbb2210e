"""Store the statistics of a study's coordinate check, and count its optimizers and widths."""

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tuner.engine.reports import CoordinateStatistic
from tuner.spec.optimizers.name import Optimizer
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


def store_statistics(
    session: Session, study_id: str, optimizer: Optimizer, statistics: Iterable[CoordinateStatistic]
) -> None:
    """Store statistics of one optimizer; those that are there stay as they are."""
    stored = session.execute(
        select(CoordinateCheckRow.width, CoordinateCheckRow.tensor, CoordinateCheckRow.seed).where(
            CoordinateCheckRow.study_id == study_id,
            CoordinateCheckRow.optimizer == optimizer,
        )
    )
    seen = {(width, tensor, seed) for width, tensor, seed in stored}
    for statistic in statistics:
        place = (statistic.width, statistic.tensor, statistic.seed)
        if place not in seen:
            seen.add(place)
            session.add(
                CoordinateCheckRow(study_id=study_id, optimizer=optimizer, **statistic.model_dump())
            )
