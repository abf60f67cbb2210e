"""Count what a study's trials have spent of its budget, in FLOPs."""

import math
from collections.abc import Iterable

from tuner.evidence.dynamics.cost import dynamics_by_width
from tuner.evidence.flops import cell_flops, parameter_count, target_flops
from tuner.evidence.planned import planned_flops, planned_trials
from tuner.records.snapshot import StudySnapshot
from tuner.records.trials import NewTrial, TrialRecord
from tuner.spec.axes.cell import Cell
from tuner.spec.budget import SECONDS_OF_HOUR
from tuner.spec.states import Purpose


def most_flops(snapshot: StudySnapshot) -> float:
    """Most FLOPs of all trials; infinite without a budget, or if FLOPs cannot be counted yet."""
    spec, shape = snapshot.study.spec, snapshot.study.shape
    if spec.budget is None or shape is None:
        return math.inf
    if spec.budget.flops_percent is not None:
        return spec.budget.flops_percent / 100 * target_flops(spec, shape, spec.whole_target)
    if spec.budget.hours is None or snapshot.slot_speed is None:
        return math.inf
    return spec.budget.hours * SECONDS_OF_HOUR * snapshot.slot_speed


def spent_flops(snapshot: StudySnapshot) -> float:
    """FLOPs of the updates that were done, and of those that unfinished trials are still to do."""
    return _flops(snapshot, snapshot.trials)


def cost(snapshot: StudySnapshot, trials: Iterable[NewTrial]) -> float:
    """FLOPs of trials that are trained to their end."""
    spec, shape = snapshot.study.spec, snapshot.study.shape
    assert shape is not None, "trials follow the description"
    return math.fsum(
        cell_flops(spec, shape, trial.width, trial.cell, spec.at(trial.cell).training.steps)
        for trial in trials
    )


def left_to_measure(snapshot: StudySnapshot) -> float:
    """FLOPs that the budget allows the measurement of one optimizer, spent ones included."""
    most = most_flops(snapshot)
    if math.isinf(most):
        return most
    spec, shape = snapshot.study.spec, snapshot.study.shape
    assert shape is not None, "or the budget could not be counted"
    others = [trial for trial in snapshot.trials if trial.purpose is not Purpose.MEASURE]
    due = planned_trials(spec)
    reserved = _of_dynamics(snapshot)
    for (purpose, width), count in due.items():
        if purpose in (Purpose.AXIS, Purpose.CONFIRM, Purpose.CONTROL, Purpose.REPEAT):
            asked = sum(one.purpose is purpose and one.width == width for one in others)
            reserved += max(0, count - asked) * planned_flops(spec, shape, purpose, width)
    left = most - _flops(snapshot, others) - reserved
    return max(0.0, left) / len(spec.optimizers)


def searches_on(snapshot: StudySnapshot, batch: Iterable[NewTrial]) -> bool:
    """True if the budget covers a further batch of the search and what is planned after it."""
    most = most_flops(snapshot)
    if math.isinf(most):
        return True
    spec, shape = snapshot.study.spec, snapshot.study.shape
    assert shape is not None, "or the budget could not be counted"
    kept = math.fsum(
        count * planned_flops(spec, shape, purpose, width)
        for (purpose, width), count in planned_trials(spec).items()
        if purpose is not Purpose.SEARCH
    )
    spent = spent_flops(snapshot) + _of_dynamics(snapshot)
    return spent + cost(snapshot, batch) + kept <= most


def fitting(snapshot: StudySnapshot, trials: tuple[NewTrial, ...]) -> tuple[NewTrial, ...]:
    """Those of the next trials that the budget has room for: whole widths and cells, in order."""
    most = most_flops(snapshot)
    if math.isinf(most):
        return trials
    left = most - spent_flops(snapshot) - _of_dynamics(snapshot)
    taken: list[NewTrial] = []
    groups: dict[tuple[Purpose, str, int, Cell | None], list[NewTrial]] = {}
    for trial in trials:
        place = trial.purpose, trial.optimizer, trial.width, trial.cell
        groups.setdefault(place, []).append(trial)
    for group in groups.values():
        price = cost(snapshot, group)
        if price <= left:
            left -= price
            taken += group
    return tuple(taken)


def _of_dynamics(snapshot: StudySnapshot) -> float:
    """FLOPs that the budget keeps for the dynamics, measured or not: they come last."""
    spec, shape = snapshot.study.spec, snapshot.study.shape
    assert shape is not None, "or the budget could not be counted"
    by_width = dynamics_by_width(spec, lambda width: parameter_count(shape, width))
    return math.fsum(by_width.values())


def _flops(snapshot: StudySnapshot, trials: Iterable[TrialRecord]) -> float:
    spec, shape = snapshot.study.spec, snapshot.study.shape
    assert shape is not None, "trials follow the description"
    return math.fsum(
        cell_flops(
            spec,
            shape,
            trial.width,
            trial.cell,
            trial.step if trial.is_final else spec.at(trial.cell).training.steps,
        )
        for trial in trials
    )
