"""Read the points that a study's search was given."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from tuner.records.given_points import GivenPoint
from tuner.storage.sql.tables import GivenPointRow


def given_points_of(session: Session, study_id: str) -> tuple[GivenPoint, ...]:
    """All points of a study, in the order in which they were given."""
    query = select(GivenPointRow).where(GivenPointRow.study_id == study_id)
    return tuple(point_of(row) for row in session.scalars(query.order_by(GivenPointRow.id)))


def point_of(row: GivenPointRow) -> GivenPoint:
    """A stored point."""
    return GivenPoint.model_validate(row, from_attributes=True)
