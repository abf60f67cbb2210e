"""Carry out one order inside a worker, and report as results become known."""

import gc
import logging
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import torch
from torch import nn

from parametrization.nn.check.seeding import seed_globals
from parametrization.nn.check.statistics import CheckedTraining, coordinate_statistics
from parametrization.nn.start.readouts import draw_start
from parametrization.scaling.tensor_scaling import TensorScaling
from tuner.data_files.refused import DataRefused
from tuner.engine.checkpoints import CheckpointStore, FileCheckpoints
from tuner.engine.orders import (
    AnyOrder,
    CheckOrder,
    DescribeOrder,
    DynamicsOrder,
    OpenTrial,
    ProbeOrder,
    TrainOrder,
)
from tuner.engine.reports import CoordinateStatistic, Done, Failed, Lost, Reached, TrialProgress
from tuner.spec.changed import Changed
from tuner.spec.states import StateReason
from workers.cohort.programs import Programs
from workers.datasets.data import Batch
from workers.datasets.load import load_data
from workers.device.dead_context import is_dead_context
from workers.device.device_name import device_name
from workers.device.gpu_memory import give_back
from workers.device.heartbeat import alive
from workers.device.out_of_memory import MIB, OutOfMemory, naming_what_is_too_large
from workers.dynamics.looking import dynamics
from workers.models.build import build_model
from workers.own_tasks.opened import TaskFailed
from workers.packing.device_packing import packing_here, probes_in
from workers.packing.kept_cohort import KeptCohort
from workers.packing.probe import probe
from workers.packing.train_together import train_packed, words
from workers.training.checkpoint import (
    CheckpointUnreadable,
    CheckpointUnwritable,
    checkpoint_name,
    load,
    save,
)
from workers.training.model_shapes import model_scalings, model_shape
from workers.training.objective import Loss, objective
from workers.training.resident import batch_on
from workers.training.trainer import Segment, progress
from workers.training.trial import RunningTrial, new_trial, restored_trial

log = logging.getLogger(__name__)

KEPT_BYTES: Final = 64 * MIB
"""Of trials that no order trains now: restoring a small one takes as long as tens of its steps."""


@dataclass
class OpenCohort:
    """Trials of the latest orders, kept so that their successors need not restore them."""

    device: str = "cpu"
    """torch's name of where this worker trains."""
    trials: dict[tuple[str, int], RunningTrial] = field(default_factory=dict)
    """By study id and trial number, the latest last."""
    accelerator: str = ""
    """The owner's name for the kind of device; empty: it has none."""
    programs: Programs = field(default_factory=Programs)
    kept: KeptCohort = field(default_factory=KeptCohort)
    _sizes: dict[tuple[str, int], int] = field(default_factory=dict)
    """Bytes of each trial, which do not change while it is held."""

    def take(self, study_id: str, trial: OpenTrial) -> RunningTrial | None:
        """The trial if it is held exactly where the order goes on; the caller owns it now."""
        held = self.trials.pop((study_id, trial.spec.number), None)
        start = trial.start.step if trial.start else 0
        if held is None or held.spec != trial.spec or held.step != start:
            return None
        return held

    def keep(self, study_id: str, trials: Iterable[RunningTrial]) -> None:
        """Hold these trials, and of those before the latest that there is room for.

        Not those that a cohort had stacked: each of them holds on to the memory of all.
        """
        latest = {(study_id, trial.spec.number): trial for trial in trials}
        self._sizes |= {key: latest[key].size_bytes for key in latest.keys() - self._sizes.keys()}
        before: list[tuple[tuple[str, int], RunningTrial]] = []
        room = KEPT_BYTES
        for key, trial in reversed(self.trials.items()):
            room -= self._sizes[key]
            if room < 0:
                break
            if key not in latest and trial.owns_its_tensors:
                before.append((key, trial))
        self.trials = dict(reversed(before)) | latest
        self._sizes = {key: self._sizes[key] for key in self.trials}


def carry_out(
    order: AnyOrder, cohort: OpenCohort, folder: Path
) -> Iterator[Reached | Done | Failed | Lost]:
    """Reports of the order, ending in Done or Failed, whatever goes wrong.

    In Lost where an error has left the GPU's context unusable, or checkpoints cannot be written
    here: the process has to end.

    Args:
        cohort: what this worker holds in memory; changed by train orders.
        folder: where checkpoints go, and the machine remembers its probes.

    """
    try:
        yield from _reports(order, cohort, folder, FileCheckpoints(folder))
    except Exception as error:  # noqa: BLE001  every error is reported to the engine
        yield _ending(order, error)
    else:
        return
    # What the failed order allocated is garbage now: hand it back before the next order.
    cohort.kept.close()
    cohort.trials.clear()
    give_back(torch.device(cohort.device))


def _ending(order: AnyOrder, error: Exception) -> Failed | Lost:
    """The report of an order that ended in this error."""
    if is_dead_context(error):
        log.error("%s: the GPU's context is gone", _named(order), exc_info=error)
        message = f"the GPU's context is gone, and with it the worker ({_first_line(error)})"
        return Lost(order_id=order.id, attempt=order.attempt, message=message)
    if isinstance(error, OutOfMemory):
        return _failed(order, StateReason.OUT_OF_MEMORY, str(error))
    if isinstance(error, Changed):
        return _failed(order, StateReason.CHANGED, str(error))
    if isinstance(error, CheckpointUnreadable):
        failed = _failed(order, StateReason.CHECKPOINT, str(error))
        return failed.model_copy(update={"checkpoint": error.uri})
    if isinstance(error, CheckpointUnwritable):
        log.error("%s: %s", _named(order), error)
        return Lost(order_id=order.id, attempt=order.attempt, message=str(error), is_of_slot=True)
    if isinstance(error, DataRefused | TaskFailed):
        return _failed(order, StateReason.ERROR, str(error))
    log.error("%s failed", _named(order), exc_info=error)
    return _failed(order, StateReason.ERROR, f"{type(error).__name__}: {error}")


def _named(order: AnyOrder) -> str:
    """The order and whose it is, for a log: `order o-1 of study std_1, trials 3, 4`."""
    numbers = [str(one.spec.number) for one in order.trials] if order.kind == "train" else []
    trials = f", trials {', '.join(numbers)}" if numbers else ""
    return f"order {order.id} of study {order.study_id}{trials}"


def _first_line(error: Exception) -> str:
    """The first line: torch appends advice on debugging, which is of no use in a study."""
    return str(error).partition("\n")[0]


def _reports(
    order: AnyOrder, cohort: OpenCohort, folder: Path, store: CheckpointStore
) -> Iterator[Reached | Done]:
    if isinstance(order, CheckOrder | ProbeOrder):
        cohort.kept.close()
    match order:
        case DescribeOrder():
            yield _describe(order)
        case CheckOrder():
            yield _check(order, torch.device(cohort.device))
        case ProbeOrder():
            yield _probe(order, cohort, folder)
        case DynamicsOrder():
            with naming_what_is_too_large(f"the dynamics at width {order.model.width}"):
                found = dynamics(order, cohort.device)
            yield Done(order_id=order.id, attempt=order.attempt, dynamics=found)
        case TrainOrder():
            yield from _train(order, cohort, folder, store)


def _describe(order: DescribeOrder) -> Done:
    return Done(
        order_id=order.id,
        attempt=order.attempt,
        shape=model_shape(order.model),
        data_sha256=load_data(order.model).sha256,
    )


def _check(order: CheckOrder, device: torch.device) -> Done:
    """The statistics of one width, trained where trials train."""
    model = order.model

    def start(built: nn.Module, scalings: Sequence[TensorScaling], drawn: torch.Generator) -> None:
        draw_start(built, scalings, drawn)  # on the CPU: every device starts from equal bits
        built.to(device)

    with naming_what_is_too_large(
        f"the coordinate check at width {model.width} (batch size {order.batch_size})"
    ):
        data = load_data(model)
        statistics = coordinate_statistics(
            CheckedTraining(
                build=lambda: build_model(model),
                loss=partial(_drawing_alike, objective(model.family).training),
                batch=lambda seed, step: batch_on(data, device, seed, step, order.batch_size),
                start=start,
            ),
            model_scalings(model, order.optimizer, order.hyperparameters),
            width=model.width,
            seeds=order.seeds,
            steps=order.steps,
        )
    for statistic in statistics:
        measured = (statistic.update_rms, statistic.propagation_rms, statistic.initial_rms)
        if not math.isfinite(sum(size or 0.0 for size in measured)):
            raise FloatingPointError(
                f"the coordinate check left the finite numbers in {statistic.tensor} at width"
                f" {model.width}, seed {statistic.seed}: lower the check's learning rate"
                f" {order.hyperparameters['learning_rate']:g}"
            )
    return Done(
        order_id=order.id,
        attempt=order.attempt,
        statistics=tuple(CoordinateStatistic(**one._asdict()) for one in statistics),
    )


def _drawing_alike(loss: Loss, model: nn.Module, batch: Batch) -> torch.Tensor:
    """The loss with the same random numbers at every call: what differs is the model's doing."""
    alive()
    seed_globals(0)
    return loss(model, batch)


def _probe(order: ProbeOrder, cohort: OpenCohort, folder: Path) -> Done:
    device, accelerator = cohort.device, cohort.accelerator
    packing = probe(order, cohort.programs, probes_in(folder, accelerator), device)
    packing = packing.model_copy(update={"device_name": device_name(device, accelerator)})
    # What was traced stays, tens of thousands of objects: collecting garbage need not look at them.
    gc.collect()
    gc.freeze()
    return Done(order_id=order.id, attempt=order.attempt, packing=packing)


def _train(
    order: TrainOrder, cohort: OpenCohort, folder: Path, store: CheckpointStore
) -> Iterator[Reached | Done]:
    where = folder, cohort.device, cohort.accelerator
    packing = packing_here(order, cohort.programs, cohort.kept, *where)
    held = [cohort.take(order.study_id, trial) for trial in order.trials]
    if None in held:  # those that are opened now need the memory
        cohort.kept.close()
    running = []
    for trial, known in zip(order.trials, held, strict=True):
        with naming_what_is_too_large(words(trial.spec)):
            running.append(known or _opened(trial, cohort.device, store))
    for rung in order.rungs:
        behind = [trial for trial in running if trial.step < rung]
        advanced = {
            trial.spec.number: _reported(trial, segment, order, store)
            for trial, segment in train_packed(behind, rung, packing, cohort.programs, cohort.kept)
        }
        progresses = tuple(advanced[trial.spec.number] for trial in behind)
        over = {one.number for one in progresses if one.diverged}
        running = [trial for trial in running if trial.spec.number not in over]
        if rung == order.to_step or not running:
            cohort.keep(order.study_id, [trial for trial in running if not trial.is_trained])
            yield Done(order_id=order.id, attempt=order.attempt, trials=progresses)
            return
        yield Reached(order_id=order.id, attempt=order.attempt, trials=progresses)


def _opened(trial: OpenTrial, device: str, store: CheckpointStore) -> RunningTrial:
    if trial.start is None:
        return new_trial(trial.spec, device)
    return restored_trial(trial.spec, load(trial.start, store), device)


def _reported(
    trial: RunningTrial, segment: Segment, order: TrainOrder, store: CheckpointStore
) -> TrialProgress:
    if segment.diverged_at is not None or trial.is_trained:  # no training goes on from here
        return progress(trial, segment, checkpoint=None)
    number, step = trial.spec.number, trial.step
    name = checkpoint_name(order.study_id, number, step, order.attempt)
    with naming_what_is_too_large(words(trial.spec)):
        return progress(trial, segment, save(trial.state(), store, name, step))


def _failed(order: AnyOrder, reason: StateReason, message: str) -> Failed:
    return Failed(order_id=order.id, attempt=order.attempt, reason=reason, message=message)
