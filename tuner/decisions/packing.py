"""Choose the waiting trials that train next, and their number in one order: pure decisions.

Only the packing is decided here: what is proposed and pruned is the same however trials are packed.
"""

import math
from collections.abc import Iterator
from itertools import groupby

from parametrization.rules.parametrization import Parametrization
from tuner.decisions.search import DECIDED_STEP
from tuner.engine.checkpoints import Checkpoint
from tuner.engine.orders import ModelSpec, OpenTrial, OrderId, ProbeOrder, TrainOrder, TrialSpec
from tuner.engine.packing import SOLO, Packing, packing_of
from tuner.records.snapshot import StudySnapshot
from tuner.records.trials import TrialRecord
from tuner.spec.axes.cell import Cell
from tuner.spec.states import Purpose, TrialState
from tuner.spec.study import StudySpec


def train_orders(snapshot: StudySnapshot) -> Iterator[ProbeOrder | TrainOrder]:
    """Orders for trials that are in no open order, the widest first, made one by one.

    A shape whose packing has not been measured yields one order that measures it. Which trials
    form an order follows from what is stored and from the snapshot's capacity, not from which
    slots happen to be free: so that a study run twice is packed twice the same.
    """
    idle = _idle(snapshot)
    yield from _of_widths(snapshot, [trial for trial in idle if trial.cell is None])
    # One by one: few others share their shape or their duration.
    solo = SOLO.model_copy(update={"device": snapshot.capacity.device_kind})
    for trial in sorted((one for one in idle if one.cell), key=_longest_first):
        yield _train_order(snapshot, [trial], solo)


def _of_widths(
    snapshot: StudySnapshot, trials: list[TrialRecord]
) -> Iterator[ProbeOrder | TrainOrder]:
    """Orders for trials with the study's own depth, batch and duration."""
    spec, capacity = snapshot.study.spec, snapshot.capacity
    probed = {
        (open_order.order.trial.optimizer, open_order.order.trial.model.width)
        for open_order in snapshot.open_orders
        if isinstance(open_order.order, ProbeOrder)
    }
    idle = sorted(trials, key=lambda trial: (-trial.width, trial.optimizer, trial.step))
    for (width, optimizer), shape in groupby(idle, lambda trial: (trial.width, trial.optimizer)):
        members = list(shape)
        packing = packing_of(snapshot.study.packings, optimizer, width, capacity.device_kind)
        may_fuse = spec.packing == "measured" and not spec.family.is_external
        if packing is None and len(members) > 1 and may_fuse:
            if (optimizer, width) not in probed:
                yield _probe_order(snapshot, members)
            continue
        packing = packing or SOLO.model_copy(update={"device": capacity.device_kind})
        for _, at_step in groupby(members, lambda trial: trial.step):
            for cohort in _cohorts(snapshot, list(at_step), packing):
                pays = len(cohort) >= packing.least
                for together in [cohort] if pays else ([trial] for trial in cohort):
                    yield _train_order(snapshot, together, packing)


def _longest_first(trial: TrialRecord) -> tuple[int, int]:
    cell = trial.cell
    return (-cell.depth * cell.batch_size * cell.steps if cell else 0), trial.number


def _cohorts(
    snapshot: StudySnapshot, idle: list[TrialRecord], packing: Packing
) -> Iterator[list[TrialRecord]]:
    """Divide idle trials of one shape and step into those that may train in one order.

    Trials of one seed are kept together: they see the same batches of data, which is faster, and
    fairer to compare. On GPUs seeds are not kept apart: few trials leave most of a GPU idle, and
    take as long. All trials that were asked for together are divided, those included that train
    already or have ended, so that the rest is divided the same however many have started.
    """
    (first, *_), slots = idle, snapshot.capacity.slots
    spec, waiting = snapshot.study.spec, {trial.number for trial in idle}
    batches = {(_is_pruned_at_rungs(spec, trial.purpose), trial.batch) for trial in idle}
    for pruned_at_rungs, batch in sorted(batches):
        together = [
            trial
            for purpose in Purpose
            if _is_pruned_at_rungs(spec, purpose) == pruned_at_rungs
            for trial in snapshot.trials.of(purpose, first.optimizer, batch=batch)
            if trial.cell is None
            if _goes_on_from(spec, trial, first.step)
        ]
        # So that the last trials do not queue for one slot while others stand empty.
        share = math.ceil(len(together) / slots)
        size = min(packing.most, max(packing.least, share)) if packing.way != "solo" else 1
        same_width = [trial for trial in together if trial.width == first.width]
        same_width.sort(key=lambda trial: (trial.seed, trial.number))
        by_seed = [list(own) for _, own in groupby(same_width, lambda trial: trial.seed)]
        on_gpus = snapshot.capacity.device_kind == "cuda"
        for members in [same_width] if on_gpus else by_seed:
            for start in range(0, len(members), size):
                cohort = [t for t in members[start : start + size] if t.number in waiting]
                if cohort:
                    yield cohort


def _goes_on_from(spec: StudySpec, trial: TrialRecord, step: int) -> bool:
    """True if the trial trains on from a step, now or before: the answer does not change."""
    if trial.step > step:
        return True
    failed_on_its_way = trial.state is TrialState.FAIL
    return trial.step == step and (
        failed_on_its_way or (not trial.is_final and _may_go_on(spec, trial))
    )


def _idle(snapshot: StudySnapshot) -> list[TrialRecord]:
    training = {
        trial.spec.number
        for open_order in snapshot.open_orders
        if isinstance(open_order.order, TrainOrder)
        for trial in open_order.order.trials
    }
    return [
        trial
        for trial in snapshot.trials.unfinished.values()
        if trial.number not in training and _may_go_on(snapshot.study.spec, trial)
    ]


def _is_pruned_at_rungs(spec: StudySpec, purpose: Purpose) -> bool:
    return purpose is Purpose.SEARCH and spec.search.pruner != "none"


def _may_go_on(spec: StudySpec, trial: TrialRecord) -> bool:
    """True if no decision is due before the trial's next segment."""
    # Beyond it, where a trial that has lost its checkpoint comes by once more.
    decided = trial.step == 0 or trial.system_attrs.get(DECIDED_STEP, -1) >= trial.step
    return decided or not _is_pruned_at_rungs(spec, trial.purpose)


def _probe_order(snapshot: StudySnapshot, trials: list[TrialRecord]) -> ProbeOrder:
    study, (first, *_) = snapshot.study, trials
    kind = snapshot.capacity.device_kind
    trial = trial_spec(study.as_trained, first)
    return ProbeOrder(
        id=OrderId(f"{study.id}-v{study.version}-probe-{first.optimizer}-{first.width}-{kind}"),
        study_id=study.id,
        trial=trial.model_copy(update={"training": trial.training.at_full_batch}),
        trials=len(trials),
        device_kind=kind,
    )


def _train_order(
    snapshot: StudySnapshot, trials: list[TrialRecord], packing: Packing
) -> TrainOrder:
    study, (first, *_) = snapshot.study, trials
    spec = study.as_trained
    rungs = tuple(rung for rung in study.spec.at(first.cell).rungs if rung > first.step)
    return TrainOrder(
        id=OrderId(f"{study.id}-v{study.version}-t{first.number}-s{first.step}"),
        study_id=study.id,
        trials=tuple(
            OpenTrial(
                spec=trial_spec(spec, trial),
                start=Checkpoint(step=trial.step, uri=trial.checkpoint)
                if trial.checkpoint
                else None,
            )
            for trial in trials
        ),
        rungs=rungs[:1] if _is_pruned_at_rungs(study.spec, first.purpose) else rungs,
        packing=packing,
    )


def model_spec(
    spec: StudySpec, width: int, parametrization: Parametrization, cell: Cell | None = None
) -> ModelSpec:
    """The study's model at one width; of a cell, at its depth."""
    model = ModelSpec(
        family=spec.at(cell).family.in_order(),
        dataset=spec.dataset,
        width=width,
        base_width=spec.base_width,
        parametrization=parametrization,
        policies=spec.policies,
    )
    if cell is None:
        return model
    return model.model_copy(
        update={
            "base_depth": spec.family.depth,
            "batch_multiplier": cell.batch_multiplier,
            "token_multiplier": cell.token_multiplier,
        }
    )


def trial_spec(spec: StudySpec, trial: TrialRecord) -> TrialSpec:
    """Everything that training the trial depends on."""
    return TrialSpec(
        number=trial.number,
        model=model_spec(spec, trial.width, trial.parametrization, trial.cell),
        optimizer=trial.optimizer,
        hyperparameters=trial.hyperparameters,
        training=spec.at(trial.cell).training_by(trial.optimizer, trial.training),
        seed=trial.seed,
    )
