"""Read the training losses of a study's measured trials, which predict those of its target."""

from typing import Final

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from parametrization.rules.parametrization import Parametrization
from parametrization.transfer.target_run.proxy_curves import ProxyRun
from tuner.engine.series import STEP, VALUE
from tuner.spec.states import FINAL_TRIAL_STATES, Purpose
from tuner.storage.sql.tables import CurveRow, TrialRow

MOST_UPDATES: Final = 20_000
"""Updates of each trial that are read, from the first on: early losses predict the target's."""


def proxy_runs(session: Session, study_id: str, optimizer: str) -> tuple[ProxyRun, ...]:
    """Training losses of the trials that measured an optimizer's learning rates under muP.

    Where a trainer reported one loss for several updates, those between are interpolated.
    """
    rows = session.execute(
        select(TrialRow.width, TrialRow.hyperparameters, CurveRow.steps, CurveRow.values)
        .join(
            CurveRow,
            (CurveRow.study_id == TrialRow.study_id) & (CurveRow.number == TrialRow.number),
        )
        .where(
            TrialRow.study_id == study_id,
            TrialRow.optimizer == optimizer,
            TrialRow.purpose == Purpose.MEASURE,
            TrialRow.parametrization == Parametrization.MUP,
            TrialRow.state.in_(FINAL_TRIAL_STATES),
            CurveRow.metric == "train_loss",
        )
        .order_by(TrialRow.number)
    )
    return tuple(
        ProxyRun(
            row.width,
            # Rounded, for 2 ** x and log2 need not undo each other to the last bit.
            round(float(np.log2(row.hyperparameters["learning_rate"])), 9),
            _losses(np.frombuffer(row.steps, STEP), np.frombuffer(row.values, VALUE)),
        )
        for row in rows
        if len(row.steps) > 0
    )


def _losses(steps: np.ndarray, values: np.ndarray) -> list[float]:
    updates = np.arange(1, min(int(steps[-1]), MOST_UPDATES) + 1)
    losses: list[float] = np.interp(updates, steps, values).tolist()
    return losses
