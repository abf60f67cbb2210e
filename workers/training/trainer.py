"""Train one trial by itself: the reference that every faster way has to agree with."""

import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import NamedTuple

import torch
from torch import Tensor, nn

from parametrization.nn.stepping import evaluating, recording
from tuner.engine.checkpoints import Checkpoint
from tuner.engine.reports import TrialProgress
from tuner.engine.series import Series
from workers.datasets.data import Batch
from workers.device.heartbeat import alive
from workers.training.averaging import averaged
from workers.training.clipping import Clipping
from workers.training.history import History, Update
from workers.training.objective import objective
from workers.training.resident import validation_on
from workers.training.trial import RunningTrial


class Segment(NamedTuple):
    """Progress of a trial between two rungs."""

    first_step: int
    updates: History
    validation_loss: float | None
    diverged_at: int | None
    """The step that left the finite numbers; `updates` ends before it."""


def train_to(trial: RunningTrial, step: int) -> Segment:
    """Train until `step` updates are done in all, or the trial diverges; then validate."""
    updates = History()
    while trial.step < step:
        update = take_step(trial)
        if not all(map(math.isfinite, update)):
            return ended(trial, updates, diverged_at=trial.step + 1)
        trial.train_losses.append(update.train_loss)
        updates.append(update)
    return ended(trial, updates, diverged_at=None)


def ended(trial: RunningTrial, updates: History, diverged_at: int | None) -> Segment:
    """The segment that the trial has just finished, validated unless it diverged."""
    first_step = trial.step + 1 - len(updates)
    validation = None if diverged_at else validation_loss(trial)
    if validation is not None and not math.isfinite(validation):
        validation, diverged_at = None, trial.step
    return Segment(first_step, updates, validation, diverged_at)


def take_step(trial: RunningTrial) -> Update:
    """One update of the model on the batch of its step."""
    alive()
    training = trial.spec.training
    factor = training.schedule.factor(trial.step, training.steps)
    for group, peak_rate in zip(trial.optimizer.param_groups, trial.peak_rates, strict=True):
        group["lr"] = peak_rate * factor
    trial.optimizer.zero_grad(set_to_none=True)
    batch = trial.batch(trial.step)
    with recording(trial.optimizer, predictions=batch.targets.numel()):
        train_loss = backward(trial, batch)
    parameters = trial.parameters
    gradients = [tensor.grad for tensor in parameters if tensor.grad is not None]
    norm = _total_norm(gradients)
    kept = _clipped(trial, gradients, norm) if training.clips else torch.ones_like(norm)
    trial.optimizer.step()
    trial.follow(trial.step)
    # Read together: on a GPU every reading waits for it.
    measured = torch.stack([train_loss, norm, _total_norm(parameters), kept])
    loss, gradient_norm, parameter_norm, share_kept = measured.tolist()
    return Update(
        train_loss=loss,
        gradient_norm=gradient_norm,
        parameter_norm=parameter_norm,
        clip_fraction=1 - share_kept,
        learning_rate=trial.spec.hyperparameters["learning_rate"] * factor,
    )


def _clipped(trial: RunningTrial, gradients: Sequence[Tensor], norm: Tensor) -> Tensor:
    """Clip the gradients in place; the share of their norm that is left."""
    past = [trial.past_norms]
    clipping = Clipping([trial.spec.training], [trial.step], past, like=gradients[0])
    return clipping.clip([gradient.unsqueeze(0) for gradient in gradients], norm.view(1))[0]


@torch.no_grad()
def _total_norm(tensors: Sequence[Tensor]) -> Tensor:
    """The norm of `torch.nn.utils.get_total_norm`, which calls Python for every tensor on a CPU."""
    norm: Tensor = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(list(tensors))))
    return norm


def backward(trial: RunningTrial, batch: Batch) -> Tensor:
    """Add the gradients of the batch's mean loss, microbatch by microbatch; that loss, detached."""
    parts = trial.spec.training.accumulation
    if parts == 1:
        return _backward(trial, batch, 1)
    total = torch.zeros((), device=trial.device)
    for microbatch in batch.parts(parts):
        total = total + _backward(trial, microbatch, parts)
    return total


def _backward(trial: RunningTrial, batch: Batch, parts: int) -> Tensor:
    with _precision(trial):
        loss = objective(trial.spec.model.family).training(trial.model, batch)
    share = loss / parts if parts > 1 else loss
    share.backward()  # type: ignore[no-untyped-call]  # torch ships it without annotations
    return share.detach()


def _precision(trial: RunningTrial) -> AbstractContextManager[None]:
    """Precision of the forward pass; weights are cast layer by layer and stay as they are."""
    if trial.spec.training.precision == "fp32":
        return nullcontext()  # entering a disabled autocast costs as much as a small layer
    return torch.autocast(trial.device.type, dtype=torch.bfloat16)


def validation_loss(trial: RunningTrial) -> float | None:
    """Mean of the objective over the fixed validation set, the model in evaluation mode.

    None where there is no such set: a user's own task need not validate.

    Where the optimizer says so, of its evaluation point instead of the values that it trains; of
    the average of the weights, where they are averaged.
    """
    total, predictions = 0.0, 0
    loss_of = objective(trial.spec.model.family).validation
    with (
        torch.no_grad(),
        _evaluating(trial.model),
        evaluating(trial.optimizer),
        averaged(trial.model, trial.averages),
        _precision(trial),
    ):
        for batch in validation_on(trial.data, trial.device):
            loss = loss_of(trial.model, batch)
            total += loss.item() * batch.targets.numel()
            predictions += batch.targets.numel()
    return total / predictions if predictions else None


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """Norms over a batch use their running statistics and leave them alone meanwhile."""
    model.eval()
    try:
        yield
    finally:
        model.train()


def mean_loss_of_second_half(train_losses: list[float]) -> float:
    """Mean train loss of the second half: far less noisy than one validation loss.

    >>> mean_loss_of_second_half([9.0, 5.0, 3.0, 1.0])
    2.0

    """
    return _mean(train_losses[len(train_losses) // 2 :])


def _mean(losses: list[float]) -> float:
    return math.fsum(losses) / len(losses)


def compared_value(trial: RunningTrial, segment: Segment) -> float:
    """The value that the trial is compared by so far: see `ModelFamily.compared_by`."""
    if trial.spec.model.family.comparison.metric == "validation_loss":
        assert segment.validation_loss is not None, "it has not diverged"
        return segment.validation_loss
    losses = trial.train_losses
    return _mean(losses[trial.spec.training.compared_from(len(losses)) :])


def progress(trial: RunningTrial, segment: Segment, checkpoint: Checkpoint | None) -> TrialProgress:
    """The segment as it is reported."""
    diverged = segment.diverged_at is not None
    return TrialProgress(
        number=trial.spec.number,
        step=segment.diverged_at or trial.step,
        loss=None if diverged else compared_value(trial, segment),
        validation_loss=segment.validation_loss,
        diverged=diverged,
        checkpoint=checkpoint,
        curves=_curves(segment, clips=trial.spec.training.clips),
    )


def _curves(segment: Segment, *, clips: bool) -> tuple[Series, ...]:
    """One series per metric; no validation loss if diverged, no clip fraction without clipping."""
    if not segment.updates:
        return ()
    columns = dict(zip(Update._fields, segment.updates.columns, strict=True))
    curves = [
        Series.of(metric, segment.first_step, values)
        for metric, values in columns.items()
        if clips or metric != "clip_fraction"
    ]
    if segment.validation_loss is not None:
        last = segment.first_step + len(segment.updates) - 1
        curves.append(Series.of("validation_loss", last, [segment.validation_loss]))
    return tuple(curves)
