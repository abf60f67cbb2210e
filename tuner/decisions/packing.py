"""Which waiting trials train next, and how many in one order: pure decisions over a snapshot.

Only the packing is decided here: what is proposed and pruned is the same however trials are packed.
"""

import math
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from parametrization.rules.parametrization import Parametrization
from tuner.decisions.search import DECIDED_STEP
from tuner.engine.checkpoints import Checkpoint
from tuner.engine.packing import packing_of
from tuner.engine.protocol import (
    SOLO,
    ModelSpec,
    OpenTrial,
    OrderId,
    Packing,
    ProbeOrder,
    TrainOrder,
    TrialSpec,
)
from tuner.records.snapshot import StudySnapshot, TrialRecord
from tuner.spec.optimizer_name import Optimizer
from tuner.spec.states import Purpose, TrialState
from tuner.spec.study import StudySpec


class _Generation(NamedTuple):
    """Trials that were asked for together and reach their rungs together."""

    optimizer: Optimizer
    pruned_at_rungs: bool
    batch: int


class _Alike(NamedTuple):
    """What trials of one order have in common; the widest, which take longest, come first."""

    minus_width: int
    generation: _Generation
    seed: int
    """They see the same batches, which is faster, and fairer to compare."""


def train_orders(snapshot: StudySnapshot) -> Iterator[ProbeOrder | TrainOrder]:
    """Orders for trials that are in no open order, the widest first, made one by one.

    A shape whose packing has not been measured yields one order that measures it. Which trials
    form an order follows from what is stored and from the snapshot's capacity, not from which
    slots happen to be free: so that a study run twice is packed twice the same.
    """
    spec, capacity = snapshot.study.spec, snapshot.capacity
    probed = {
        (open_order.order.trial.optimizer, open_order.order.trial.model.width)
        for open_order in snapshot.open_orders
        if isinstance(open_order.order, ProbeOrder)
    }
    idle = sorted(_idle(snapshot), key=lambda trial: (-trial.width, trial.optimizer, trial.step))
    for (width, optimizer), shape in groupby(idle, lambda trial: (trial.width, trial.optimizer)):
        members = list(shape)
        packing = packing_of(snapshot.study.packings, optimizer, width, capacity.device_kind)
        if packing is None and len(members) > 1 and spec.packing == "measured":
            if (optimizer, width) not in probed:
                yield _probe_order(snapshot, members)
            continue
        packing = packing or SOLO.model_copy(update={"device": capacity.device_kind})
        waiting = {trial.number for trial in members}
        for step, _ in groupby(members, lambda trial: trial.step):
            for together in _divided(snapshot, width, optimizer, step, packing):
                here = [t for t in together if t.number in waiting and t.step == step]
                pays = len(here) >= packing.least
                for trials in [here] if pays else ([trial] for trial in here):
                    yield _train_order(snapshot, trials, packing)


def _divided(  # what a division depends on
    snapshot: StudySnapshot, width: int, optimizer: Optimizer, step: int, packing: Packing
) -> Iterator[list[TrialRecord]]:
    """All trials of a shape that go or went on from a step, in orders' worth."""
    spec = snapshot.study.spec
    going = [
        trial
        for trial in snapshot.trials
        if trial.optimizer == optimizer and _goes_on_from(spec, trial, step)
    ]
    # So that the last trials do not queue for one slot while others stand empty.
    sizes = Counter(_generation(spec, trial) for trial in going)
    ours = sorted(
        (_Alike(-width, _generation(spec, trial), trial.seed), trial.number, trial)
        for trial in going
        if trial.width == width
    )
    for alike, family in groupby(ours, lambda entry: entry[0]):
        share = math.ceil(sizes[alike.generation] / snapshot.capacity.slots)
        size = min(packing.most, max(packing.least, share)) if packing.way != "solo" else 1
        members = [trial for _, _, trial in family]
        yield from (members[first : first + size] for first in range(0, len(members), size))


def _goes_on_from(spec: StudySpec, trial: TrialRecord, step: int) -> bool:
    """Whether the trial trains on from a step, now or before: the answer does not change."""
    if trial.step > step:
        return True
    failed_on_its_way = trial.state is TrialState.FAIL
    return trial.step == step and (
        failed_on_its_way or (not trial.is_final and _may_go_on(spec, trial))
    )


def _generation(spec: StudySpec, trial: TrialRecord) -> _Generation:
    return _Generation(trial.optimizer, _pruned_at_rungs(spec, trial), trial.batch)


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


def _pruned_at_rungs(spec: StudySpec, trial: TrialRecord) -> bool:
    return trial.purpose is Purpose.SEARCH and spec.search.pruner != "none"


def _may_go_on(spec: StudySpec, trial: TrialRecord) -> bool:
    """Whether no decision is due before the trial's next segment."""
    decided = trial.step == 0 or trial.system_attrs.get(DECIDED_STEP) == trial.step
    return decided or not _pruned_at_rungs(spec, trial)


def _probe_order(snapshot: StudySnapshot, trials: list[TrialRecord]) -> ProbeOrder:
    study, (first, *_) = snapshot.study, trials
    kind = snapshot.capacity.device_kind
    return ProbeOrder(
        id=OrderId(f"{study.id}-v{study.version}-probe-{first.optimizer}-{first.width}-{kind}"),
        study_id=study.id,
        trial=trial_spec(study.spec, first),
        trials=len(trials),
        device_kind=kind,
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
                start=Checkpoint(step=trial.step, uri=trial.checkpoint)
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
        policies=spec.policies,
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
