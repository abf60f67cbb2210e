"""Training curves as stored: one row per trial and metric, appended rung by rung."""

from collections.abc import Collection, Iterable, Sequence

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from tuner.engine.protocol import TrialProgress
from tuner.engine.series import STEP, VALUE, Series
from tuner.spec.record import Record
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
    query = select(*CurveRow.__table__.columns).where(CurveRow.study_id == study_id)
    if numbers is not None:
        query = query.where(CurveRow.number.in_(numbers))
    if metrics is not None:
        query = query.where(CurveRow.metric.in_(metrics))
    return tuple(
        Curve(
            number=row.number,
            metric=row.metric,
            steps=tuple(np.frombuffer(row.steps, STEP).tolist()),
            values=tuple(np.frombuffer(row.values, VALUE).tolist()),
        )
        for row in session.execute(query.order_by(CurveRow.number, CurveRow.metric))
    )


def append_curves(
    session: Session, study_id: str, reported: Iterable[TrialProgress], begun: Collection[int]
) -> None:
    """Append what is new; a step that is stored stays as it is.

    Args:
        begun: numbers of those trials of which something may be stored.

    """
    rows: dict[tuple[int, str], CurveRow] = {}
    if begun:
        query = select(CurveRow).where(CurveRow.study_id == study_id, CurveRow.number.in_(begun))
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
