"""Training curves as stored: one row per trial and metric, appended rung by rung."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from tuner.engine.protocol import TrialProgress
from tuner.engine.series import STEP, VALUE, Series
from tuner.spec.record import Record
from tuner.storage import page_tokens
from tuner.storage.tables import CurveRow


class Curve(Record):
    """One metric of one trial over training."""

    number: int
    metric: str
    steps: tuple[int, ...]
    """Updates done, ascending."""
    values: tuple[float, ...]


def curves_of(
    session: Session,
    study_id: str,
    *,
    numbers: Sequence[int] | None = None,
    metrics: Sequence[str] | None = None,
) -> tuple[Curve, ...]:
    """Read the study's curves by trial number and metric; of all trials or metrics if None."""
    query = _chosen(select(*CurveRow.__table__.columns), study_id, numbers, metrics)
    return tuple(
        Curve(
            number=row.number,
            metric=row.metric,
            steps=tuple(np.frombuffer(row.steps, STEP).tolist()),
            values=tuple(np.frombuffer(row.values, VALUE).tolist()),
        )
        for row in session.execute(query.order_by(CurveRow.number, CurveRow.metric))
    )


class CurvePage(NamedTuple):
    """Curves of some trials, and where those of the next ones are."""

    curves: tuple[Curve, ...]
    next_page_token: str | None


def list_curves(  # one argument each
    session: Session,
    study_id: str,
    *,
    page_size: int,
    page_token: str | None = None,
    numbers: Sequence[int] | None = None,
    metrics: Sequence[str] | None = None,
) -> CurvePage:
    """Read the curves of the next trials that have any of these.

    Args:
        page_size: how many trials.
        page_token: of the page before.
        numbers: of trials; all if None.
        metrics: all if None.

    Raises:
        BadPageToken: if the token is not one that this function gave.

    """
    having = _chosen(select(CurveRow.number), study_id, numbers, metrics)
    if page_token is not None:
        having = having.where(CurveRow.number > page_tokens.read_number(page_token))
    found = list(session.scalars(having.distinct().order_by(CurveRow.number).limit(page_size + 1)))
    page = found[:page_size]
    return CurvePage(
        curves=curves_of(session, study_id, numbers=page, metrics=metrics),
        next_page_token=page_tokens.write_number(page[-1]) if len(found) > page_size else None,
    )


def _chosen(
    query: Select[Any],
    study_id: str,
    numbers: Sequence[int] | None,
    metrics: Sequence[str] | None,
) -> Select[Any]:
    query = query.where(CurveRow.study_id == study_id)
    if numbers is not None:
        query = query.where(CurveRow.number.in_(numbers))
    return query if metrics is None else query.where(CurveRow.metric.in_(metrics))


def append_curves(session: Session, study_id: str, trials: Iterable[TrialProgress]) -> None:
    """Append what is new; a step that is stored stays as it is."""
    reported = list(trials)
    numbers = [trial.number for trial in reported]
    query = select(CurveRow).where(CurveRow.study_id == study_id, CurveRow.number.in_(numbers))
    rows = {(row.number, row.metric): row for row in session.scalars(query)}
    for trial in reported:
        for series in trial.curves:
            row = rows.get((trial.number, series.metric))
            if row is None:
                row = CurveRow(
                    study_id=study_id,
                    number=trial.number,
                    metric=series.metric,
                    steps=b"",
                    values=b"",
                )
                session.add(row)
                rows[trial.number, series.metric] = row
            _append(row, series)


def _append(row: CurveRow, series: Series) -> None:
    stored = np.frombuffer(row.steps, STEP)
    steps, values = series.after(int(stored[-1]) if stored.size else 0)
    if steps.size:
        row.steps += steps.tobytes()
        row.values += values.tobytes()
