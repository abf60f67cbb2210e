"""Read how fast a slot trains the trials of one study."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from tuner.engine.orders import TrainOrder
from tuner.evidence.flops import FORWARD_AND_BACKWARD
from tuner.evidence.sizes import sizes_of
from tuner.records.errors import OrderUnreadable
from tuner.records.snapshot import StudyRecord
from tuner.spec.states import OrderState
from tuner.storage.orders import order_of
from tuner.storage.sql.tables import OrderRow


def needs_slot_speed(study: StudyRecord) -> bool:
    """True if the study's budget is in hours."""
    return study.spec.budget is not None and study.spec.budget.hours is not None


def slot_speed(session: Session, study: StudyRecord) -> float | None:
    """FLOPs per second of a slot, over all orders that were done at their first attempt.

    None unless the study's budget is in hours, and before an order is done.
    """
    if not needs_slot_speed(study):
        return None
    flops, seconds = 0.0, 0.0
    query = select(OrderRow).where(
        OrderRow.study_id == study.id,
        OrderRow.kind == "train",
        OrderRow.state == OrderState.DONE,
        OrderRow.attempt == 1,
    )
    for row in session.scalars(query):
        work = done_work(study, row)
        if work is not None:
            flops, seconds = flops + work[1], seconds + work[2]
    return flops / seconds if seconds > 0 else None


def done_work(study: StudyRecord, row: OrderRow) -> tuple[int, float, float] | None:
    """(width, FLOPs, seconds) of an order that is done; None if that cannot be told."""
    try:
        order = order_of(row)
    except OrderUnreadable:
        return None
    assert isinstance(order, TrainOrder), "of its kind"
    flops = _order_flops(study, order)
    if flops is None or row.finished_at is None:
        return None
    seconds = (row.finished_at - row.created_at).total_seconds()
    return order.trials[0].spec.model.width, flops, seconds


def _order_flops(study: StudyRecord, order: TrainOrder) -> float | None:
    """FLOPs of an order's trials from where they started; None if a model's size is not known."""
    sizes = sizes_of(study.spec, study.shape)
    if sizes is None:
        return None
    done = 0.0
    for trial in order.trials:
        steps = order.to_step - (trial.start.step if trial.start else 0)
        model, training = trial.spec.model, trial.spec.training
        try:
            size = sizes(model.width, model.family.depth)
        except ValueError:  # a model of the user's own, of which another depth is not known
            return None
        per_step = training.batch_size * model.family.positions_per_example(model.dataset)
        done += FORWARD_AND_BACKWARD * size * (steps * per_step)
    return done
