"""Store the statistics of a coordinate check that a trainer took of its own model."""

import datetime as dt
from collections.abc import Iterable

from sqlalchemy.orm import Session

from tuner.engine.reports import CoordinateStatistic
from tuner.evidence.checks.posted import awaited_statistics
from tuner.records.check_errors import CheckWhole
from tuner.spec.optimizers.name import Optimizer
from tuner.storage.check_progress import new_statistics, store_statistics
from tuner.storage.leases.leasing import require_external
from tuner.storage.sql.tables import StudyRow
from tuner.storage.studies import study_row
from tuner.storage.study_records import record_of, statistics_of


def post_statistics(
    session: Session, study_id: str, optimizer: Optimizer, statistics: Iterable[CoordinateStatistic]
) -> None:
    """Store statistics of one of the study's optimizers; those that are there stay as they are.

    A check is judged once it has every statistic; from then on nothing is added to it.

    Raises:
        CheckWhole: if something new is sent of a check that has every statistic.
        StudyNotFound: if there is no such study.
        NotExternal: if workers train its trials, and check its model.
        StudyEnded: if it is too late for them.

    """
    study = study_row(session, study_id)
    require_external(study)
    new = new_statistics(session, study_id, optimizer, statistics)
    if new and _is_whole(session, study, optimizer):
        raise CheckWhole(study_id, optimizer, new[0].tensor)
    store_statistics(session, study_id, optimizer, new)
    study.version += 1  # so that the coordinator reads it anew
    study.updated_at = dt.datetime.now(dt.UTC)


def _is_whole(session: Session, study: StudyRow, optimizer: Optimizer) -> bool:
    record = record_of(study)
    if record.spec.family.skips_check:
        return False
    awaited = awaited_statistics(record, statistics_of(session, study.id))
    return all(one.optimizer != optimizer for one in awaited)
