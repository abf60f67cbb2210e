"""Store the statistics of a study's coordinate check, and count its optimizers and widths."""

from collections.abc import Iterable
from itertools import islice, product
from typing import Final, NamedTuple

from sqlalchemy import ScalarSelect, bindparam, func, select
from sqlalchemy.orm import Session

from tuner.engine.orders import OrderId, check_order_id
from tuner.engine.reports import CoordinateStatistic
from tuner.records.snapshot import StudyRecord
from tuner.spec.optimizers.name import Optimizer
from tuner.spec.states import OrderState
from tuner.storage.sql.tables import CoordinateCheckRow, OrderRow

_MOST_IDS: Final = 2000
"""Ids that are looked for in one query; PostgreSQL takes 65,535 bound parameters."""

# Made once: a list asks for every study of it, and to make them takes longer than to execute them.
_CHECKED: Final = (
    select(CoordinateCheckRow.optimizer, CoordinateCheckRow.width)
    .where(CoordinateCheckRow.study_id == bindparam("study_id"))
    .distinct()
    .subquery()
)


def _running(kind: str) -> ScalarSelect[int]:
    of_kind = select(func.count()).where(
        OrderRow.study_id == bindparam("study_id"),
        OrderRow.state == OrderState.OPEN,
        OrderRow.kind == kind,
    )
    return of_kind.scalar_subquery()


_FINISHED_AND_RUNNING: Final = select(
    select(func.count()).select_from(_CHECKED).scalar_subquery(),
    _running("check"),
    _running("train"),
)
# By their ids: a long study has tens of thousands of other orders.
_DONE: Final = (
    select(OrderRow.id, OrderRow.created_at, OrderRow.finished_at)
    .where(
        OrderRow.id.in_(bindparam("of_orders", expanding=True)), OrderRow.state == OrderState.DONE
    )
    .order_by(OrderRow.created_at)
)


class CheckProgress(NamedTuple):
    finished: int
    """Optimizers and widths whose statistics are stored."""
    running: int
    training: int = 0
    """Orders of the study's trials that are in slots."""


def check_progress(session: Session, study_id: str) -> CheckProgress:
    """Progress of a study's coordinate check."""
    counted = session.connection().execute(_FINISHED_AND_RUNNING, {"study_id": study_id})
    return CheckProgress(*counted.one())


def check_seconds(session: Session, study: StudyRecord) -> dict[tuple[str, int], float]:
    """Seconds that a slot took, by optimizer and width, for those that workers have checked.

    Of a check that was repeated, those of the last run; of a study that has been moved very often,
    runs of its first versions alone.
    """
    places = {
        check_order_id(study.id, version, config.name, width): (config.name, width)
        for version, config, width in islice(
            product(range(study.version + 1), study.spec.optimizers, study.spec.check_widths),
            _MOST_IDS,
        )
    }
    done = session.connection().execute(_DONE, {"of_orders": list(places)})
    return {
        places[OrderId(order_id)]: (end - start).total_seconds()
        for order_id, start, end in done
        if end is not None
    }


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
