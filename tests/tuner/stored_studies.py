"""Valid records and stored studies for tests, where a test names only what it is about."""

from collections.abc import Iterable, Sequence

from parametrization.rules.parametrization import Parametrization
from parametrization.shapes.roles import ModelShape, Role, TensorShape
from tuner.engine.checkpoints import Checkpoint
from tuner.engine.orders import (
    CheckOrder,
    DescribeOrder,
    ModelSpec,
    OpenTrial,
    OrderId,
    TrainOrder,
    TrialSpec,
)
from tuner.engine.reports import CoordinateStatistic, TrialProgress
from tuner.engine.series import Series
from tuner.records.decision import Decision
from tuner.records.snapshot import StudyRecord, StudySnapshot
from tuner.records.trial_counts import TrialFacts, count_trials
from tuner.records.trials import NewTrial, TrialRecord
from tuner.spec.states import Purpose, StudyState
from tuner.spec.study import StudySpec
from tuner.storage.commits import commit_decision
from tuner.storage.events import EventKind, StudyEvent, events_after
from tuner.storage.sql.database import Database
from tuner.storage.studies import get_study, move_study, open_study, read_snapshot

RUNGS = (2, 4, 8)
SHAPE = ModelShape(
    base_width=32,
    tensors=(
        TensorShape("readout.weight", Role.OUTPUT, (10, 32), (False, True), 1, 0),
        TensorShape("readout.bias", Role.SCALAR, (10,), (False,), None, 0),
    ),
)


def spec(**changes: object) -> StudySpec:
    minimal = {"family": {"name": "mlp"}, "target": {"width": 256}, "training": {"steps": 8}}
    return StudySpec.model_validate(minimal | changes)


def new_trial(learning_rate: float = 0.01, **changes: object) -> NewTrial:
    fields = {
        "purpose": Purpose.SEARCH,
        "optimizer": "adamw",
        "parametrization": Parametrization.MUP,
        "width": 32,
        "seed": 0,
        "batch": 0,
        "hyperparameters": {"learning_rate": learning_rate},
        "params": {"learning_rate": learning_rate},
    }
    return NewTrial.model_validate(fields | changes)


def model_of(study: StudyRecord) -> ModelSpec:
    return ModelSpec(
        family=study.spec.family,
        dataset=study.spec.dataset,
        width=32,
        base_width=32,
        parametrization=Parametrization.MUP,
    )


def describe_order(study: StudyRecord, order_id: str = "describe") -> DescribeOrder:
    return DescribeOrder(
        id=OrderId(f"{study.id}-{order_id}"), study_id=study.id, model=model_of(study)
    )


def check_order(study: StudyRecord, order_id: str = "check") -> CheckOrder:
    return CheckOrder(
        id=OrderId(f"{study.id}-{order_id}"),
        study_id=study.id,
        model=model_of(study),
        optimizer="adamw",
        hyperparameters={"learning_rate": 2.0**-12},
        batch_size=16,
        seeds=(0, 1),
    )


def train_order(
    study: StudyRecord,
    numbers: Iterable[int],
    order_id: str = "train",
    rungs: tuple[int, ...] = RUNGS,
) -> TrainOrder:
    return TrainOrder(
        id=OrderId(f"{study.id}-{order_id}"),
        study_id=study.id,
        trials=tuple(
            OpenTrial(
                spec=TrialSpec(
                    number=number,
                    model=model_of(study),
                    optimizer="adamw",
                    hyperparameters={"learning_rate": 0.01},
                    training=study.spec.training,
                    seed=0,
                )
            )
            for number in numbers
        ),
        rungs=rungs,
    )


def series(first: int, last: int, metric: str = "train_loss") -> Series:
    """Values 1 / step of the steps from first to last."""
    return Series.of(metric, first, [1 / step for step in range(first, last + 1)])


def progress(
    number: int, step: int, *, first: int = 1, diverged: bool = False, loss: float = 0.5
) -> TrialProgress:
    return TrialProgress(
        number=number,
        step=step,
        loss=None if diverged else loss,
        validation_loss=None if diverged else loss + 0.1,
        diverged=diverged,
        checkpoint=None if diverged else Checkpoint(step=step, uri=f"file:///c/{number}/{step}"),
        curves=(series(first, step), series(first, step, "gradient_norm")),
    )


def statistic(seed: int, width: int = 64) -> CoordinateStatistic:
    return CoordinateStatistic(
        tensor="readout.weight", width=width, seed=seed, update_rms=0.1, propagation_rms=None
    )


def checking_study(database: Database, study_spec: StudySpec | None = None) -> StudyRecord:
    """Open a study in the state `checking`."""
    with database.write() as session:
        study, _ = open_study(session, study_spec or spec())
        return move_study(session, study.id, StudyState.CHECKING)


def searching_study(
    database: Database, trials: int = 1, study_spec: StudySpec | None = None
) -> StudyRecord:
    """Open a study in the state `searching`, with trials that wait."""
    study = checking_study(database, study_spec)
    with database.write() as session:
        study = move_study(session, study.id, StudyState.SEARCHING)
        commit_decision(session, study, Decision(new_trials=(new_trial(),) * trials))
    return study


def study_in_training(
    database: Database, trials: int = 1, rungs: tuple[int, ...] = RUNGS
) -> tuple[StudyRecord, TrainOrder]:
    """Open a study whose trials run in one order."""
    study = searching_study(database, trials)
    order = train_order(study, range(trials), rungs=rungs)
    decide(database, study, Decision(orders=(order,)))
    return study, order


def decide(database: Database, study: StudyRecord, decision: Decision) -> StudyRecord:
    with database.write() as session:
        commit_decision(session, study, decision)
        return get_study(session, study.id)


def snapshot_of(database: Database, study: StudyRecord) -> StudySnapshot:
    with database.read() as session:
        return read_snapshot(session, study.id)


def trial_of(database: Database, study: StudyRecord, number: int = 0) -> TrialRecord:
    return snapshot_of(database, study).trials[number]


def events_of(
    database: Database, study: StudyRecord, kinds: Sequence[EventKind] = tuple(EventKind)
) -> list[StudyEvent]:
    with database.read() as session:
        events = events_after(session, study.id, 0, 100_000)
    return [event for event in events if event.kind in kinds]


def facts(trial: TrialRecord) -> TrialFacts:
    """What is counted of a trial."""
    return TrialFacts(
        purpose=trial.purpose,
        width=trial.width,
        state=trial.state,
        reason=trial.state_reason,
        step=trial.step,
        value=trial.value,
        started_at=trial.started_at,
        finished_at=trial.finished_at,
    )


def assert_counted(snapshot: StudySnapshot) -> None:
    """The counts that are stored are those of the trials that are stored."""
    assert snapshot.study.counts == count_trials(map(facts, snapshot.trials))
