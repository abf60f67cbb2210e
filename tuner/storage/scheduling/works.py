"""Find the studies that orders belong to."""

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from parametrization.recommendation.record import Record
from tuner.storage.sql.tables import OrderRow, StudyRow


class Work(Record):
    """The study and the kind of an order."""

    study_id: str
    study_name: str
    """Empty if the study has no name."""
    kind: str
    """`describe`, `check`, `probe` or `train`."""


def works(session: Session, order_ids: Collection[str]) -> dict[str, Work]:
    """The work of these orders, by id; without orders of studies that the viewer may not see."""
    name = StudyRow.spec["name"].as_string().label("name")
    query = (
        select(OrderRow.id, OrderRow.kind, OrderRow.study_id, name)
        .join(StudyRow, StudyRow.id == OrderRow.study_id)
        .where(OrderRow.id.in_(order_ids))
    )
    return {
        row.id: Work(study_id=row.study_id, study_name=row.name or "", kind=row.kind)
        for row in session.execute(query)
    }
