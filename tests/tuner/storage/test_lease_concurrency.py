"""Many trainers at once, each with its own connection: no trial is given twice, none is lost."""

import datetime as dt
import threading
from collections import Counter

from tests.tuner.own_trainer import STEPS, external_spec
from tuner.coordinator.external_engine import ExternalEngine
from tuner.coordinator.memory import Memory
from tuner.coordinator.reconcile import tick
from tuner.spec.states import Purpose, TrialState
from tuner.spec.study import StudySpec
from tuner.storage.leases.leasing import AskedForTrial, LeasedTrial, lease_trials
from tuner.storage.leases.report_records import ReportAnswer, TrainerReport
from tuner.storage.leases.reports import store_reports
from tuner.storage.sql.database import Database, open_database
from tuner.storage.studies import open_study, read_snapshot
from tuner.storage.trials.curves import curves_of

TRAINERS = 8
TRIALS = 24


class Trainer(threading.Thread):
    """Leases and reports, over its own connections, until told to stop."""

    def __init__(self, url: str, study: str, name: str, over: threading.Event) -> None:
        super().__init__()
        self._url = url
        self._asked = AskedForTrial(study_id=study, worker=name, ttl_seconds=3_600)
        self._over = over
        self.granted: list[tuple[str, int]] = []

    def run(self) -> None:
        database = open_database(self._url)
        while not self._over.wait(0.01):
            with database.write() as session:
                (lease,) = lease_trials(session, [self._asked], dt.datetime.now(dt.UTC))
            if isinstance(lease, LeasedTrial):
                self.granted.append((lease.order_id, lease.attempt))
                self._train(database, lease)
        database.close()

    def _train(self, database: Database, lease: LeasedTrial) -> None:
        for step in range(2, STEPS + 1, 2):
            report = TrainerReport(
                order_id=lease.order_id,
                attempt=lease.attempt,
                step=step,
                train_loss=(float(lease.number + 1), float(step)),
            )
            with database.write() as session:
                (answer,) = store_reports(session, [report], dt.datetime.now(dt.UTC))
            assert isinstance(answer, ReportAnswer), answer


def test_many_trainers_share_the_trials(database: Database, database_url: str) -> None:
    spec = external_spec(search={"trials": TRIALS, "batch_size": TRIALS})
    with database.write() as session:
        study, _ = open_study(session, StudySpec.model_validate(spec))
    over = threading.Event()
    trainers = [Trainer(database_url, study.id, f"trainer-{n}", over) for n in range(TRAINERS)]
    for trainer in trainers:
        trainer.start()
    engine, memory, complete = ExternalEngine(database, ahead=True), Memory(), 0
    try:
        while complete < TRIALS:
            tick(database, engine, 0.01, memory=memory)
            with database.read() as session:
                searched = read_snapshot(session, study.id).trials.of(Purpose.SEARCH, "adamw")
            complete = sum(trial.state is TrialState.COMPLETE for trial in searched)
    finally:
        over.set()
        for trainer in trainers:
            trainer.join()
    granted = Counter(grant for trainer in trainers for grant in trainer.granted)
    assert set(granted.values()) == {1}
    with database.read() as session:
        curves = {curve.number: curve for curve in curves_of(session, study.id)}
    for number in range(TRIALS):
        assert curves[number].steps == tuple(range(1, STEPS + 1))
        assert curves[number].values[::2] == (float(number + 1),) * (STEPS // 2)
