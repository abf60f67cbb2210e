"""The table of points that owners of studies give to their searches."""

import datetime as dt
from typing import Any

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tuner.storage.sql.column_types import BigId
from tuner.storage.sql.tables import Base


class GivenPointRow(Base):
    __tablename__ = "given_points"
    __table_args__ = (UniqueConstraint("study_id", "sha256"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    study_id: Mapped[str] = mapped_column(ForeignKey("studies.id"))
    optimizer: Mapped[str] = mapped_column(String(64))
    params: Mapped[dict[str, Any]]
    value: Mapped[float | None]
    """What it is known to come to; NULL: to be trained next."""
    source: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str] = mapped_column(String(64))
    """Of optimizer, parameters and value: the same point is stored once."""
    created_at: Mapped[dt.datetime]
