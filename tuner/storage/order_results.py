"""Store what orders have found: a model's description, a check's statistics, a packing, trials."""

import datetime as dt

from sqlalchemy.orm import Session

from parametrization.recommendation.dynamics import StudyDynamics, WidthDynamics
from tuner.engine.orders import (
    AnyOrder,
    CheckOrder,
    DescribeOrder,
    DynamicsOrder,
    ProbeOrder,
    TrainOrder,
)
from tuner.engine.packing import SOLO, Packing, packing_key
from tuner.engine.reports import Done, Reached
from tuner.storage.check_progress import store_statistics
from tuner.storage.documents import DYNAMICS, PACKINGS, SHAPE
from tuner.storage.events import EventKind, write_event
from tuner.storage.sql.tables import StudyRow
from tuner.storage.trials.trial_reports import store_progress


def store_results(session: Session, order: AnyOrder, report: Done) -> tuple[str, ...]:
    """Store the result of an order; return URIs of checkpoints that are no longer needed."""
    match order:
        case DescribeOrder():
            _store_description(session, order.study_id, report)
        case CheckOrder():
            store_statistics(session, order.study_id, order.optimizer, report.statistics)
        case ProbeOrder():
            store_packing(session, order, report.packing)
        case DynamicsOrder():
            store_dynamics(session, order, report.dynamics)
        case TrainOrder():
            return store_trials(session, order, report)
    return ()


def store_trials(session: Session, order: AnyOrder, report: Reached | Done) -> tuple[str, ...]:
    """Store the progress of an order's trials; return URIs of checkpoints no longer needed."""
    if not isinstance(order, TrainOrder):
        return ()
    goals = {trial.spec.number: trial.spec.training.steps for trial in order.trials}
    known = [trial for trial in report.trials if trial.number in goals]
    return store_progress(session, order.study_id, goals, known)


def _store_description(session: Session, study_id: str, report: Done) -> None:
    study = session.get_one(StudyRow, study_id)
    assert report.shape is not None, "a describe order is done when it has a shape"
    study.shape = SHAPE.write(report.shape)
    study.data_sha256 = report.data_sha256
    study.updated_at = dt.datetime.now(dt.UTC)


def store_dynamics(session: Session, order: DynamicsOrder, found: WidthDynamics | None) -> None:
    """Store the dynamics measured at one width, unless some are stored already."""
    assert found is not None, "a dynamics order is done when it has looked"
    study = session.get_one(StudyRow, order.study_id)
    known = () if study.dynamics is None else DYNAMICS.read(study.dynamics).trainings
    if all((one.optimizer, one.width) != (found.optimizer, found.width) for one in known):
        study.dynamics = DYNAMICS.write(StudyDynamics(trainings=(*known, found)))
    study.updated_at = dt.datetime.now(dt.UTC)


def store_no_dynamics(session: Session, order: DynamicsOrder, problem: str) -> None:
    """Store the reason why no dynamics could be measured at one width; the study goes on."""
    trial = order.trial
    found = WidthDynamics(
        optimizer=trial.optimizer,
        width=order.model.width,
        batch_size=trial.training.batch_size,
        learning_rate=trial.hyperparameters["learning_rate"],
        problem=problem,
    )
    store_dynamics(session, order, found)


def store_packing(session: Session, order: ProbeOrder, found: Packing | None = None) -> None:
    """Store the packing of a width's trials: as a probe has found it, or one trial at a time."""
    packing = found or SOLO.model_copy(update={"device": order.device_kind})
    study = session.get_one(StudyRow, order.study_id)
    optimizer, width = order.trial.optimizer, order.trial.model.width
    key = packing_key(optimizer, width, packing.device)
    measured = {} if study.packings is None else PACKINGS.read(study.packings)
    study.packings = PACKINGS.write(measured | {key: packing})
    study.updated_at = dt.datetime.now(dt.UTC)
    data = {"optimizer": optimizer, "width": width} | packing.model_dump(mode="json")
    write_event(
        session,
        order.study_id,
        EventKind.PACKING_CHOSEN,
        data | {"summary": f"{optimizer}, width {width}: {packing.words}"},
    )
