"""Store a study with as many trials as asked for, as a coordinator would have left it."""

import datetime as dt
import random
from collections.abc import Iterator
from itertools import product
from typing import Any, Final, Literal

from sqlalchemy import insert, update

from parametrization.rules.parametrization import Parametrization
from tests.tuner.analytic_engine import AnalyticEngine, loss_at
from tuner.coordinator.reconcile import tick
from tuner.engine.orders import ModelSpec, OpenTrial, TrialSpec
from tuner.spec.states import Purpose, StateReason, StudyState, TrialState
from tuner.spec.study import StudySpec
from tuner.storage.sql.database import Database
from tuner.storage.sql.tables import StudyRow, TrialRow
from tuner.storage.studies import get_study, move_study, open_study
from tuner.storage.trials.rows import end_trial, unfinished_trials
from tuner.storage.trials.trial_counts import count_if_uncounted

Kind = Literal["measured", "searching"]

WIDTHS: Final = (32, 64, 128, 256)
GRID_POINTS: Final = 9
STEPS: Final = 8
_ADAMW: Final = {
    "weight_decay": 0.1,
    "beta1": 0.9,
    "beta2": 0.95,
    "epsilon": 1e-8,
    "init_std": 1.0,
    "output_multiplier": 1.0,
}


class Study:
    """A stored study, some of whose trials have not ended."""

    def __init__(self, database: Database, study_id: str, running: list[int]) -> None:
        self.id = study_id
        self._database = database
        self._running = running

    def end_a_trial(self) -> None:
        """Store that one more of its trials is complete."""
        number = self._running.pop()
        with self._database.write() as session:
            (row,) = unfinished_trials(session, self.id, [number])
            end_trial(session, row, TrialState.COMPLETE, value=2.5)

    def complete(self) -> None:
        """Let the study end, its trials with it."""
        with self._database.write() as session:
            if get_study(session, self.id).state is StudyState.SEARCHING:
                return
            move_study(session, self.id, StudyState.COMPLETED)


def stored_study(database: Database, kind: Kind, trials: int, running: int) -> Study:
    """Store a study of so many trials, the last of which still run.

    Args:
        kind: `measured` has searched with most of them and measured with the others; `searching`
            has searched with all.

    """
    seeds = max(2, trials // 333) if kind == "measured" else 2
    grid = 2 * len(WIDTHS) * GRID_POINTS * seeds
    searched = trials - (grid if kind == "measured" else 0)
    spec = StudySpec.model_validate(
        {
            "family": {"name": "gpt", "depth": 1},
            "target": {"width": 256},
            "training": {"steps": STEPS},
            "search": {"trials": searched, "sampler": "random", "pruner": "none"},
            "measure": {"widths": WIDTHS, "seeds": seeds, "grid_points": GRID_POINTS},
            "control": "sp",
        }
    )
    with database.write() as session:
        study_id = open_study(session, spec)[0].id
    _check(database, study_id)
    made = [*_search(spec, searched), *(_grid(spec) if kind == "measured" else ())]
    now = dt.datetime.now(dt.UTC)
    with database.write() as session:
        for row in unfinished_trials(session, study_id):
            end_trial(session, row, TrialState.FAIL, reason=StateReason.ERROR)
    proposed = spec.search.batch_size
    rows = [
        _row(study_id, number, one, now) for number, one in enumerate(made[proposed:], proposed)
    ]
    last = [row["number"] for row in rows[len(rows) - running :]]
    for values in rows[len(rows) - running :]:
        values |= {"state": TrialState.RUNNING, "state_reason": None, "value": None}
        values |= {"finished_at": None}
    with database.write() as session:
        session.execute(insert(TrialRow), rows)
        session.execute(update(StudyRow).where(StudyRow.id == study_id).values(counts=None))
        count_if_uncounted(session, study_id)
        if kind == "measured":
            move_study(session, study_id, StudyState.MEASURING)
    return Study(database, study_id, last)


def _check(database: Database, study_id: str) -> None:
    """Run the coordinate check."""
    engine = AnalyticEngine(slots=4)
    while True:
        with database.read() as session:
            if get_study(session, study_id).state is StudyState.SEARCHING:
                return
        tick(database, engine, wait_seconds=0)


def _search(spec: StudySpec, trials: int) -> Iterator[tuple[Purpose, TrialSpec]]:
    draw = random.Random(0)
    for _ in range(trials):
        yield _made(spec, Purpose.SEARCH, 32, draw.uniform(-10, -2), spec.seed)


def _grid(spec: StudySpec) -> Iterator[tuple[Purpose, TrialSpec]]:
    for purpose, width, at, seed in product(
        (Purpose.MEASURE, Purpose.CONTROL), WIDTHS, range(GRID_POINTS), range(spec.measure.seeds)
    ):
        rate = float(at - 6 - GRID_POINTS // 2)
        yield _made(spec, purpose, width, rate, spec.seed + 1 + seed)


def _made(
    spec: StudySpec, purpose: Purpose, width: int, log2_rate: float, seed: int
) -> tuple[Purpose, TrialSpec]:
    rules = Parametrization.SP if purpose is Purpose.CONTROL else Parametrization.MUP
    model = ModelSpec(
        family=spec.family,
        dataset=spec.dataset,
        width=width,
        base_width=spec.base_width,
        parametrization=rules,
    )
    return purpose, TrialSpec(
        number=0,
        model=model,
        optimizer="adamw",
        hyperparameters={"learning_rate": 2.0**log2_rate} | _ADAMW,
        training=spec.training,
        seed=seed,
    )


def _row(
    study_id: str, number: int, made: tuple[Purpose, TrialSpec], now: dt.datetime
) -> dict[str, Any]:
    purpose, spec = made
    loss = loss_at(OpenTrial(spec=spec), STEPS)
    return {
        "study_id": study_id,
        "number": number,
        "purpose": purpose,
        "optimizer": spec.optimizer,
        "parametrization": spec.model.parametrization,
        "width": spec.model.width,
        "seed": spec.seed,
        "batch": 0 if purpose is not Purpose.SEARCH else number // 8,
        "hyperparameters": spec.hyperparameters,
        "params": {"learning_rate": spec.hyperparameters["learning_rate"]},
        "state": TrialState.COMPLETE if loss is not None else TrialState.PRUNED,
        "state_reason": None if loss is not None else StateReason.DIVERGED,
        "message": None,
        "value": loss,
        "validation_loss": loss,
        "intermediate_values": {} if loss is None else {str(STEPS): loss},
        "system_attrs": {},
        "step": STEPS,
        "checkpoint": None,
        "created_at": now,
        "started_at": now,
        "finished_at": now,
    }
