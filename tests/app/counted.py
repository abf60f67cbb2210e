"""Progress as it would be from the counts that are stored of these trials."""

import datetime as dt

from app import progress
from app.progress import Progress
from tests.tuner.stored_studies import facts
from tuner.records.snapshot import StudySnapshot
from tuner.records.trial_counts import count_trials
from tuner.storage.check_progress import CheckProgress


def progress_of(snapshot: StudySnapshot, now: dt.datetime) -> Progress:
    checks = CheckProgress(
        finished=len({(at.optimizer, at.width) for at in snapshot.statistics}),
        running=sum(open_order.order.kind == "check" for open_order in snapshot.open_orders),
    )
    counts = count_trials(facts(trial) for trial in snapshot.trials)
    return progress.progress_of(snapshot.study, counts, checks, now, {})
