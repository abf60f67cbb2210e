"""Store the statistics of a study's coordinate check, and count its optimizers and widths."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Final, NamedTuple

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from tuner.engine.orders import CheckOrder
from tuner.engine.reports import CoordinateStatistic
from tuner.records.errors import OrderUnreadable
from tuner.spec.optimizers.name import Optimizer
from tuner.spec.states import OrderState
from tuner.storage.orders import order_of
from tuner.storage.sql.tables import CoordinateCheckRow, OrderRow

_NO_SECONDS: Final[Mapping[tuple[str, int], float]] = {}

# Made once: a list asks for every study of it, and to make them takes longer than to execute them.
_CHECKED: Final = (
    select(CoordinateCheckRow.optimizer, CoordinateCheckRow.width)
    .where(CoordinateCheckRow.study_id == bindparam("study_id"))
    .distinct()
    .subquery()
)
_RUNNING: Final = select(func.count()).where(
    OrderRow.study_id == bindparam("study_id"),
    OrderRow.state == OrderState.OPEN,
    OrderRow.kind == "check",
)
_FINISHED_AND_RUNNING: Final = select(
    select(func.count()).select_from(_CHECKED).scalar_subquery(), _RUNNING.scalar_subquery()
)


class CheckProgress(NamedTuple):
    finished: int
    """Optimizers and widths whose statistics are stored."""
    running: int
    seconds: Mapping[tuple[str, int], float] = _NO_SECONDS
    """Seconds that a slot took, by optimizer and width, for those that workers have checked; empty
    unless they were asked for."""


def check_progress(session: Session, study_id: str, *, with_seconds: bool = False) -> CheckProgress:
    """Progress of a study's coordinate check.

    Args:
        with_seconds: also read the seconds that its orders took.

    """
    counted = session.connection().execute(_FINISHED_AND_RUNNING, {"study_id": study_id})
    finished, running = counted.one()
    return CheckProgress(
        finished=finished,
        running=running,
        seconds=_seconds(session, study_id) if with_seconds else _NO_SECONDS,
    )


def _seconds(session: Session, study_id: str) -> dict[tuple[str, int], float]:
    """Seconds by optimizer and width; of a check that was repeated, those of the last run."""
    done = select(OrderRow).where(
        OrderRow.study_id == study_id, OrderRow.state == OrderState.DONE, OrderRow.kind == "check"
    )
    found = {}
    for row in session.scalars(done.order_by(OrderRow.created_at)):
        with suppress(OrderUnreadable):
            order = order_of(row)
            if isinstance(order, CheckOrder) and row.finished_at is not None:
                took = row.finished_at - row.created_at
                found[order.optimizer, order.model.width] = took.total_seconds()
    return found


def store_statistics(
    session: Session, study_id: str, optimizer: Optimizer, statistics: Iterable[CoordinateStatistic]
) -> None:
    """Store statistics of one optimizer; those that are there stay as they are."""
    for statistic in new_statistics(session, study_id, optimizer, statistics):
        session.add(
            CoordinateCheckRow(study_id=study_id, optimizer=optimizer, **statistic.model_dump())
        )


def new_statistics(
    session: Session, study_id: str, optimizer: Optimizer, statistics: Iterable[CoordinateStatistic]
) -> list[CoordinateStatistic]:
    """The statistics that are not stored yet, the first one of each width, tensor and seed."""
    stored = session.execute(
        select(CoordinateCheckRow.width, CoordinateCheckRow.tensor, CoordinateCheckRow.seed).where(
            CoordinateCheckRow.study_id == study_id,
            CoordinateCheckRow.optimizer == optimizer,
        )
    )
    seen = {(width, tensor, seed) for width, tensor, seed in stored}
    new: dict[tuple[int, str, int], CoordinateStatistic] = {}
    for one in statistics:
        place = (one.width, one.tensor, one.seed)
        if place not in seen:
            new.setdefault(place, one)
    return list(new.values())
