"""The tables of target runs: the losses that they report, and what was judged from them."""

import datetime as dt
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from tuner.storage.sql.tables import Base


class ObservationRow(Base):
    """One loss of the run that a stored recommendation is for."""

    __tablename__ = "target_observations"

    recommendation_id: Mapped[str] = mapped_column(
        String(40), ForeignKey("recommendations.id"), primary_key=True
    )
    step: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    """Updates done."""
    tokens: Mapped[int] = mapped_column(BigInteger)
    loss: Mapped[float | None]
    """NULL where it was not finite: the run has diverged."""
    observed_at: Mapped[dt.datetime]


class JudgementRow(Base):
    """The judgement of the run when its losses up to a step were known."""

    __tablename__ = "target_judgements"

    recommendation_id: Mapped[str] = mapped_column(
        String(40), ForeignKey("recommendations.id"), primary_key=True
    )
    step: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    judgement: Mapped[dict[str, Any]]
    judged_at: Mapped[dt.datetime]
