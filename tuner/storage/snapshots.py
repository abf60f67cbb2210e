"""Assemble the snapshot of a study from which decisions and evidence are computed."""

from sqlalchemy.orm import Session

from tuner.engine.slots import ONE_CPU, Capacity
from tuner.records.snapshot import OpenOrder, OptimizerStatistic, StudyRecord, StudySnapshot
from tuner.records.trials import StudyTrials
from tuner.storage.speeds.slot_speed import slot_speed
from tuner.storage.trials.given_points import given_points_of
from tuner.storage.trials.rows import trials_of


def snapshot_of(
    session: Session,
    study: StudyRecord,
    statistics: tuple[OptimizerStatistic, ...],
    open_orders: tuple[OpenOrder, ...],
    capacity: Capacity = ONE_CPU,
) -> StudySnapshot:
    """A study with all its trials, and what else is known of it."""
    return StudySnapshot(
        study=study,
        trials=StudyTrials(trials_of(session, study.id)),
        statistics=statistics,
        open_orders=open_orders,
        given=given_points_of(session, study.id),
        capacity=capacity,
        slot_speed=slot_speed(session, study),
    )
