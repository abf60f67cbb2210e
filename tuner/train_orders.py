"""Which waiting trials train next, and how many in one order: pure decisions over a snapshot.

Only the packing is decided here: what is proposed and pruned is the same however trials are packed.
"""

import math
from collections.abc import Iterator
from itertools import groupby, islice
from typing import NamedTuple

from parametrization.rules import Optimizer, Parametrization
from tuner.engine import (
    SOLO,
    Checkpoint,
    ModelSpec,
    OpenTrial,
    OrderId,
    Packing,
    ProbeOrder,
    TrainOrder,
    TrialSpec,
)
from tuner.search import DECIDED_STEP
from tuner.snapshot import StudySnapshot, TrialRecord
from tuner.states import Purpose
from tuner.study_spec import StudySpec


class _Alike(NamedTuple):
    """What trials of one order have in common; the widest, which take longest, come first."""

    minus_width: int
    optimizer: Optimizer
    pruned_at_rungs: bool
    step: int
    seed: int
    """They see the same batches, which is faster, and fairer to compare."""


def train_orders(snapshot: StudySnapshot, free_slots: int) -> Iterator[ProbeOrder | TrainOrder]:
    """Orders for trials that nobody trains now; first one that finds out how to pack them."""
    yield from islice(_orders(snapshot, free_slots), free_slots)


def _orders(snapshot: StudySnapshot, free_slots: int) -> Iterator[ProbeOrder | TrainOrder]:
    idle = sorted(_idle(snapshot), key=lambda trial: (_alike(snapshot, trial), trial.number))
    running = {open_order.order.id for open_order in snapshot.open_orders}
    packings = snapshot.study.packings or {}
    # So that the last trials do not queue for one slot while others stand empty.
    share = math.ceil(len(idle) / (free_slots + len(running)))
    for (width, optimizer), shape in groupby(idle, lambda trial: (trial.width, trial.optimizer)):
        members = list(shape)
        packing = packings.get(packing_key(optimizer, width))
        asked_for = snapshot.study.spec.packing == "measured"
        if packing is None and len(members) > 1 and asked_for:
            probe = _probe_order(snapshot, members)
            if probe.id not in running:
                yield probe
            continue
        for _, alike in groupby(members, lambda trial: _alike(snapshot, trial)):
            for trials in _split(list(alike), packing or SOLO, share):
                yield _train_order(snapshot, trials, packing or SOLO)


def packing_key(optimizer: Optimizer, width: int) -> str:
    """What a study keeps a packing by: nothing else of its trials changes their shape."""
    return f"{optimizer}/{width}"


def _idle(snapshot: StudySnapshot) -> list[TrialRecord]:
    training = {
        trial.spec.number
        for open_order in snapshot.open_orders
        if isinstance(open_order.order, TrainOrder)
        for trial in open_order.order.trials
    }
    return [
        trial
        for trial in snapshot.trials
        if not trial.is_final
        and trial.number not in training
        and _may_go_on(snapshot.study.spec, trial)
    ]


def _alike(snapshot: StudySnapshot, trial: TrialRecord) -> _Alike:
    pruned = _pruned_at_rungs(snapshot.study.spec, trial)
    return _Alike(-trial.width, trial.optimizer, pruned, trial.step, trial.seed)


def _split(trials: list[TrialRecord], packing: Packing, share: int) -> Iterator[list[TrialRecord]]:
    """Orders' worth of trials: as many as their share of the slots, within what pays."""
    size = min(packing.most, max(packing.least, share)) if packing.way != "solo" else 1
    for first in range(0, len(trials), size):
        chunk = trials[first : first + size]
        yield from [chunk] if len(chunk) >= packing.least else ([trial] for trial in chunk)


def _pruned_at_rungs(spec: StudySpec, trial: TrialRecord) -> bool:
    return trial.purpose is Purpose.SEARCH and spec.search.pruner != "none"


def _may_go_on(spec: StudySpec, trial: TrialRecord) -> bool:
    """Whether no decision is due before the trial's next segment."""
    decided = trial.step == 0 or trial.system_attrs.get(DECIDED_STEP) == trial.step
    return decided or not _pruned_at_rungs(spec, trial)


def _probe_order(snapshot: StudySnapshot, trials: list[TrialRecord]) -> ProbeOrder:
    study, (first, *_) = snapshot.study, trials
    return ProbeOrder(
        id=OrderId(f"{study.id}-v{study.version}-probe-{first.optimizer}-{first.width}"),
        study_id=study.id,
        trial=trial_spec(study.spec, first),
        trials=len(trials),
    )


def _train_order(
    snapshot: StudySnapshot, trials: list[TrialRecord], packing: Packing
) -> TrainOrder:
    study, (first, *_) = snapshot.study, trials
    rungs = tuple(rung for rung in study.spec.rungs if rung > first.step)
    return TrainOrder(
        id=OrderId(f"{study.id}-v{study.version}-t{first.number}-s{first.step}"),
        study_id=study.id,
        trials=tuple(
            OpenTrial(
                spec=trial_spec(study.spec, trial),
                start=Checkpoint(step=trial.step, path=trial.checkpoint)
                if trial.checkpoint
                else None,
            )
            for trial in trials
        ),
        rungs=rungs[:1] if _pruned_at_rungs(study.spec, first) else rungs,
        packing=packing,
    )


def model_spec(spec: StudySpec, width: int, parametrization: Parametrization) -> ModelSpec:
    """The study's model at one width."""
    return ModelSpec(
        family=spec.family,
        dataset=spec.dataset,
        width=width,
        base_width=spec.base_width,
        parametrization=parametrization,
    )


def trial_spec(spec: StudySpec, trial: TrialRecord) -> TrialSpec:
    """Everything that training the trial depends on."""
    return TrialSpec(
        number=trial.number,
        model=model_spec(spec, trial.width, trial.parametrization),
        optimizer=trial.optimizer,
        hyperparameters=trial.hyperparameters,
        training=spec.training_by(trial.optimizer),
        seed=trial.seed,
    )
