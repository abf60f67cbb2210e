"""Training curves as stored: one row per trial and metric, appended rung by rung."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
from sqlalchemy import Select, Table, bindparam, insert, select, update
from sqlalchemy.orm import Session

from parametrization.recommendation.record import Record
from tuner.engine.reports import TrialProgress
from tuner.engine.series import STEP, VALUE, Series
from tuner.storage.requests import page_tokens
from tuner.storage.sql.database import connection_of
from tuner.storage.sql.tables import CurveRow


class Curve(Record):
    """One metric of one trial over training."""

    number: int
    metric: str
    steps: tuple[int, ...]
    """Updates done, ascending."""
    values: tuple[float, ...]


_TABLE = cast("Table", CurveRow.__table__)
# Built once, and not of the session's objects: this is done at every report.
_STORED = select(*_TABLE.columns).where(
    CurveRow.study_id == bindparam("of_study"),
    CurveRow.number.in_(bindparam("numbers", expanding=True)),
)
_INSERT = insert(_TABLE).values(
    {
        "study_id": bindparam("of_study"),
        "number": bindparam("of_number"),
        "metric": bindparam("of_metric"),
        "steps": bindparam("new_steps"),
        "values": bindparam("new_values"),
    }
)
_UPDATE = (
    update(_TABLE)
    .where(
        CurveRow.study_id == bindparam("of_study"),
        CurveRow.number == bindparam("of_number"),
        CurveRow.metric == bindparam("of_metric"),
    )
    .values({"steps": bindparam("new_steps"), "values": bindparam("new_values")})
)


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


def append_curves(
    session: Session, study_id: str, reported: Iterable[TrialProgress], begun: Collection[int]
) -> None:
    """Append what is new; a step that is stored stays as it is.

    Args:
        begun: numbers of those trials of which something may be stored.

    """
    connection = connection_of(session)
    stored: dict[tuple[int, str], tuple[bytes, bytes]] = {}
    if begun:
        rows = connection.execute(_STORED, {"of_study": study_id, "numbers": list(begun)})
        stored = {(row.number, row.metric): (row.steps, row.values) for row in rows}
    grown: dict[tuple[int, str], tuple[bytes, bytes]] = {}
    for trial in reported:
        for series in trial.curves:
            key = (trial.number, series.metric)
            grown[key] = _appended(grown.get(key) or stored.get(key) or (b"", b""), series)
    for statement, keys in (
        (_INSERT, grown.keys() - stored.keys()),
        (_UPDATE, grown.keys() & stored.keys()),
    ):
        written = [_row(study_id, key, *grown[key]) for key in sorted(keys)]
        if written:
            connection.execute(statement, written)


def _row(study_id: str, key: tuple[int, str], steps: bytes, values: bytes) -> dict[str, Any]:
    number, metric = key
    return {
        "of_study": study_id,
        "of_number": number,
        "of_metric": metric,
        "new_steps": steps,
        "new_values": values,
    }


def _appended(stored: tuple[bytes, bytes], series: Series) -> tuple[bytes, bytes]:
    """Steps and values as stored, with what is new at their ends."""
    known = np.frombuffer(stored[0], STEP)
    steps, values = series.after(int(known[-1]) if known.size else 0)
    return stored[0] + steps.tobytes(), stored[1] + values.tobytes()
