"""The losses of the run that a stored recommendation is for: each step once, in their order."""

import datetime as dt
from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from tuner.records.errors import RunMoved
from tuner.records.target_run import (
    Observation,
    RunJudgement,
    StoredJudgement,
    StoredObservation,
)
from tuner.storage.events import EventKind, write_event
from tuner.storage.requests import page_tokens
from tuner.storage.sql.tables import RecommendationRow
from tuner.storage.sql.target_run_tables import JudgementRow, ObservationRow

MOST_JUDGEMENTS: Final = 500
"""Judgements of a run that are read: the newest ones."""


class ObservationPage(NamedTuple):
    """A page of a run's losses, by step, and the token of the next page."""

    observations: tuple[StoredObservation, ...]
    next_page_token: str | None


def last_step(session: Session, recommendation_id: str) -> int:
    """The last step whose loss is stored; 0 before the first."""
    query = select(func.max(ObservationRow.step)).where(
        ObservationRow.recommendation_id == recommendation_id
    )
    return session.scalar(query) or 0


def observations_of(session: Session, recommendation_id: str) -> tuple[Observation, ...]:
    """Every loss that the run has reported, by step."""
    query = select(ObservationRow).where(ObservationRow.recommendation_id == recommendation_id)
    rows = session.scalars(query.order_by(ObservationRow.step))
    return tuple(Observation(step=row.step, tokens=row.tokens, loss=row.loss) for row in rows)


def list_observations(
    session: Session, recommendation_id: str, *, page_size: int, page_token: str | None = None
) -> ObservationPage:
    """Read a page of the losses, by step.

    Raises:
        BadPageToken: if the token is not one that this function gave.

    """
    query = select(ObservationRow).where(ObservationRow.recommendation_id == recommendation_id)
    if page_token is not None:
        query = query.where(ObservationRow.step > page_tokens.read_number(page_token))
    rows = list(session.scalars(query.order_by(ObservationRow.step).limit(page_size + 1)))
    page = rows[:page_size]
    return ObservationPage(
        tuple(_observation(row) for row in page),
        page_tokens.write_number(page[-1].step) if len(rows) > page_size else None,
    )


def judgements_of(session: Session, recommendation_id: str) -> tuple[StoredJudgement, ...]:
    """Judgements of the run over time, oldest first; of more than `MOST_JUDGEMENTS`, the newest."""
    query = select(JudgementRow).where(JudgementRow.recommendation_id == recommendation_id)
    rows = session.scalars(query.order_by(JudgementRow.step.desc()).limit(MOST_JUDGEMENTS))
    return tuple(
        StoredJudgement(**row.judgement, judged_at=row.judged_at) for row in reversed(list(rows))
    )


def store_observations(
    session: Session,
    recommendation_id: str,
    after: int,
    new: Sequence[Observation],
    judgement: RunJudgement,
) -> None:
    """Store losses and the judgement based on them; write an event if the verdict has changed.

    Args:
        after: the last step that was stored when it was judged.
        new: of later steps, ascending.

    Raises:
        RunMoved: if the run has reported more since then.

    """
    if last_step(session, recommendation_id) != after:
        raise RunMoved(recommendation_id)
    before = judgements_of(session, recommendation_id)[-1:]
    now = dt.datetime.now(dt.UTC)
    rows = [
        {"recommendation_id": recommendation_id, "observed_at": now, **one.model_dump()}
        for one in new
    ]
    session.execute(insert(ObservationRow), rows)
    session.add(
        JudgementRow(
            recommendation_id=recommendation_id,
            step=new[-1].step,
            judgement=judgement.model_dump(mode="json"),
            judged_at=now,
        )
    )
    if [one.verdict for one in before] != [judgement.verdict]:
        study_id = session.get_one(RecommendationRow, recommendation_id).study_id
        told = judgement.model_dump(mode="json", include={"verdict", "step", "words"})
        write_event(
            session, study_id, EventKind.RECOMMENDATION_OBSERVED, {"id": recommendation_id} | told
        )


def _observation(row: ObservationRow) -> StoredObservation:
    fields = StoredObservation.model_fields
    return StoredObservation(**{name: getattr(row, name) for name in fields})
