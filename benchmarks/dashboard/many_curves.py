"""Store a study with thousands of learning curves."""

import numpy as np
from sqlalchemy import insert, select

from benchmarks.service_load.study_of_trials import stored_study
from tests.app.served import Served
from tuner.engine.series import STEP, VALUE
from tuner.storage.sql.tables import CurveRow, TrialRow


def store_curves(served: Served, curves: int, points: int) -> str:
    """The id of a study of so many trials, with a train loss at so many steps of each."""
    study = stored_study(served.database, "searching", curves, running=0)
    draw = np.random.default_rng(0)
    steps = np.arange(1, points + 1)
    packed = steps.astype(STEP).tobytes()
    rows = []
    with served.database.read() as session:
        numbers = list(
            session.scalars(select(TrialRow.number).where(TrialRow.study_id == study.id))
        )
    for number in numbers:
        floor, rate = draw.uniform(2, 3), draw.uniform(0.2, 0.6)
        losses = floor + 5 * steps**-rate + draw.normal(0, 0.03, points)
        rows.append(
            {
                "study_id": study.id,
                "number": number,
                "metric": "train_loss",
                "steps": packed,
                "values": losses.astype(VALUE).tobytes(),
            }
        )
    with served.database.write() as session:
        session.execute(insert(CurveRow), rows)
    return study.id
