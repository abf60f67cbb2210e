"""Store the statistics of a coordinate check that a trainer took of its own model."""

import datetime as dt
from collections.abc import Iterable

from sqlalchemy.orm import Session

from tuner.engine.reports import CoordinateStatistic
from tuner.spec.optimizers.name import Optimizer
from tuner.storage.check_progress import store_statistics
from tuner.storage.leases.leasing import require_external
from tuner.storage.studies import study_row


def post_statistics(
    session: Session, study_id: str, optimizer: Optimizer, statistics: Iterable[CoordinateStatistic]
) -> None:
    """Store statistics of one of the study's optimizers; those that are there stay as they are.

    Raises:
        StudyNotFound: if there is no such study.
        NotExternal: if workers train its trials, and check its model.
        StudyEnded: if it is too late for them.

    """
    study = study_row(session, study_id)
    require_external(study)
    store_statistics(session, study_id, optimizer, statistics)
    study.version += 1  # so that the coordinator reads it anew
    study.updated_at = dt.datetime.now(dt.UTC)
