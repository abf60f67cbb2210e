"""Fill a database with studies that are over, copies of one that was searched and measured."""

import datetime as dt
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

from sqlalchemy import ColumnElement, Table, func, insert, literal, select, text
from sqlalchemy.orm import Session

from benchmarks.service_load.study_of_trials import stored_study
from tests.service.own_postgres import own_postgres
from tuner.coordinator.evidence_refresh import EvidenceRefresh
from tuner.spec.study import StudySpec
from tuner.storage.sql.column_types import UtcDateTime
from tuner.storage.sql.connections import sqlite_url
from tuner.storage.sql.database import Database, open_database
from tuner.storage.sql.migration import migrate
from tuner.storage.sql.tables import (
    Base,
    CoordinateCheckRow,
    OrderRow,
    StudyEventRow,
    StudyEvidenceRow,
    StudyRow,
    TrialRow,
)
from tuner.storage.studies import open_study

TRIALS: Final = 200
"""Of each study."""
_AT_ONCE: Final = 50
"""Studies that are copied in one transaction."""


class Filled(NamedTuple):
    """A database of so many studies."""

    url: str
    study_ids: tuple[str, ...]

    @property
    def trials(self) -> int:
        """Rows of the table of trials."""
        return TRIALS * len(self.study_ids)


@contextmanager
def filled(folder: Path, kind: str, studies: int, queued: int = 0) -> Iterator[Filled]:
    """A database of its own with so many completed studies, each of TRIALS trials.

    Args:
        kind: `sqlite` or `postgresql`.
        queued: studies more, which have not begun.

    """
    with empty(folder, kind) as (url, database):
        study = stored_study(database, "measured", TRIALS, running=1)
        study.end_a_trial()
        study.complete()
        EvidenceRefresh(database).turn()
        ids = [study.id]
        while len(ids) < studies:
            more = range(len(ids), min(studies, len(ids) + _AT_ONCE))
            with database.write() as session:
                ids += [_copied(session, study.id, number) for number in more]
        queue_studies(database, queued)
        with database.write() as session:
            session.execute(text("ANALYZE"))
        yield Filled(url, tuple(ids))


def queue_studies(database: Database, studies: int) -> None:
    """Submit so many small studies."""
    with database.write() as session:
        for seed in range(studies):
            asked = {"family": {"name": "gpt"}, "target": {"width": 256}, "packing": "solo"}
            open_study(session, StudySpec.model_validate(asked | {"seed": seed}))


@contextmanager
def empty(folder: Path, kind: str) -> Iterator[tuple[str, Database]]:
    """A migrated database of its own, and its address."""
    with ExitStack() as stack:
        if kind == "postgresql":
            url = stack.enter_context(own_postgres()).url
        else:
            folder.mkdir(parents=True)
            url = sqlite_url(folder / "widthwise.db")
        migrate(url)
        database = open_database(url)
        stack.callback(database.close)
        yield url, database


def _copied(session: Session, study_id: str, number: int) -> str:
    """Copy a study and all that is stored of it; the id of the copy."""
    copy = f"std_{secrets.token_hex(8)}"
    made = session.get_one(StudyRow, study_id).created_at + dt.timedelta(minutes=number)
    new: dict[type[Base], dict[str, ColumnElement[Any]]] = {
        StudyRow: {"id": literal(copy), "created_at": literal(made, UtcDateTime)},
        OrderRow: {"id": func.replace(OrderRow.id, study_id, copy)},
    }
    for row in (StudyRow, TrialRow, OrderRow, CoordinateCheckRow, StudyEvidenceRow, StudyEventRow):
        table = cast("Table", row.__table__)
        changed = new.get(row, {}) | ({} if row is StudyRow else {"study_id": literal(copy)})
        names = [one.name for one in table.columns if one.name in changed or one.name != "id"]
        own = table.c["id" if row is StudyRow else "study_id"]
        values = select(*(changed.get(name, table.c[name]) for name in names))
        session.execute(insert(table).from_select(names, values.where(own == study_id)))
    return copy
