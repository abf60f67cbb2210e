"""Curves: appended, filtered, and finite as float32 too."""

import numpy as np
import pytest

from tests.tuner.stored_studies import progress, study_in_training
from tuner.engine.reports import Reached, TrialProgress
from tuner.engine.series import Series
from tuner.records.snapshot import StudyRecord
from tuner.storage.commits import record_report
from tuner.storage.sql.database import Database
from tuner.storage.trials.curves import Curve, curves_of


@pytest.fixture
def study(database: Database) -> StudyRecord:
    study, order = study_in_training(database, trials=2)
    trials = (progress(0, 2), progress(1, 4))
    with database.write() as session:
        record_report(session, Reached(order_id=order.id, attempt=1, trials=trials))
    return study


def test_curves_are_read_by_trial_and_metric(database: Database, study: StudyRecord) -> None:
    with database.read() as session:
        everything = curves_of(session, study.id)
        assert [(curve.number, curve.metric) for curve in everything] == [
            (0, "gradient_norm"),
            (0, "train_loss"),
            (1, "gradient_norm"),
            (1, "train_loss"),
        ]
        assert curves_of(session, study.id, numbers=[1], metrics=["train_loss"]) == (
            Curve(
                number=1,
                metric="train_loss",
                steps=(1, 2, 3, 4),
                values=(1.0, 0.5, float(np.float32(1 / 3)), 0.25),
            ),
        )
        assert curves_of(session, study.id, numbers=[]) == ()
        assert curves_of(session, "std_0") == ()


def test_steps_that_are_told_again_stay_as_they_were_stored(database: Database) -> None:
    study, order = study_in_training(database)
    for report in (progress(0, 2), progress(0, 4, first=2), progress(0, 8, first=1)):
        with database.write() as session:
            record_report(session, Reached(order_id=order.id, attempt=1, trials=(report,)))
    with database.read() as session:
        curves = curves_of(session, study.id)
    assert [curve.steps for curve in curves] == [tuple(range(1, 9))] * 2


def test_a_value_beyond_single_precision_stays_finite(database: Database) -> None:
    study, order = study_in_training(database)
    huge = TrialProgress(
        number=0,
        step=2,
        loss=1e300,
        validation_loss=None,
        checkpoint=None,
        curves=(Series.of("gradient_norm", 1, (1e300, -1e300)),),
    )
    with database.write() as session:
        record_report(session, Reached(order_id=order.id, attempt=1, trials=(huge,)))
    with database.read() as session:
        (curve,) = curves_of(session, study.id)
    largest = float(np.finfo(np.float32).max)
    assert curve.values == (largest, -largest)
