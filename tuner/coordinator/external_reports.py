"""Tell the coordinator what a trainer has reported: rung by rung, then how the trial ended."""

import math
from collections.abc import Iterator

from tuner.engine.reports import Done, Failed, Reached, TrialProgress
from tuner.engine.series import Series
from tuner.spec.states import StateReason
from tuner.storage.leases.offers import LiveLease, Losses


def reports_about(
    lease: LiveLease, losses: Losses, told: int, *, trained: int
) -> Iterator[Reached | Done | Failed]:
    """Reports of a trial's rungs beyond the one reported last, and of its end.

    Args:
        trained: updates that are stored of the trial.

    """
    ids = {"order_id": lease.order_id, "attempt": lease.attempt}
    for rung in lease.rungs:
        if not told < rung <= lease.step or (lease.diverged and rung == lease.step):
            continue
        at_rung = _at_rung(lease, losses, told, rung)
        if at_rung.loss is None or not 0 < at_rung.loss < math.inf:
            yield Failed(**ids, reason=StateReason.ERROR, message=_no_loss(lease, rung))
            return
        kind = Done if rung == lease.rungs[-1] else Reached
        yield kind(**ids, trials=(at_rung,))
        told = rung
    if lease.failure is not None:
        words = lease.failure.strip() or "the trainer gave the trial up without a reason"
        yield Failed(**ids, reason=StateReason.ERROR, message=words)
    elif lease.diverged:
        # Beyond what is stored: a trial that is trained again may diverge earlier.
        over = _progress(lease, losses, told, lease.step).model_copy(
            update={"step": max(lease.step, trained + 1), "diverged": True}
        )
        yield Done(**ids, trials=(over,))


def _at_rung(lease: LiveLease, losses: Losses, told: int, rung: int) -> TrialProgress:
    known = _progress(lease, losses, told, rung)
    validated = [loss for step, loss in losses.validation if step <= rung]
    value = validated[-1] if validated else None
    if not lease.needs_validation:
        second_half = losses.train[rung // 2 : rung].tolist() if len(losses.train) >= rung else []
        mean = math.fsum(second_half) / len(second_half) if second_half else None
        return known.model_copy(update={"loss": mean, "validation_loss": value})
    return known.model_copy(update={"loss": value, "validation_loss": value})


def _progress(lease: LiveLease, losses: Losses, told: int, step: int) -> TrialProgress:
    """Training curves between two steps."""
    train = losses.train[told:step].tolist()
    curves = [Series.of("train_loss", told + 1, train)] if train else []
    curves += [
        Series.of("validation_loss", at, [loss])
        for at, loss in losses.validation
        if told < at <= step
    ]
    return TrialProgress(
        number=lease.number,
        step=step,
        loss=None,
        validation_loss=None,
        checkpoint=None,
        curves=tuple(curves),
    )


def _no_loss(lease: LiveLease, rung: int) -> str:
    what = "validation loss" if lease.needs_validation else "mean training loss"
    return (
        f"the {what} at step {rung} is not a positive number, and trials are compared by its"
        " logarithm: report a loss that is bounded by 0, such as cross-entropy"
    )
