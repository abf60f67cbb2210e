"""What to do next about one study: pure decisions over its snapshot, phase by phase.

`next_decision` is called again after every decision is stored, until it has nothing to add;
so each phase only looks at what is stored and says the next thing that is missing.
"""

from collections.abc import Callable, Iterator
from itertools import groupby, product
from typing import Final

from parametrization.rules.parametrization import Parametrization
from tuner.decisions.check_hyperparameters import check_hyperparameters
from tuner.decisions.measure import grid_trials
from tuner.decisions.packing import model_spec, train_orders
from tuner.decisions.search import DECIDED_STEP, decide_rung, propose_batch
from tuner.engine.protocol import CheckOrder, DescribeOrder, OrderId
from tuner.evidence.sensitivity import check_verdict
from tuner.records.snapshot import Decision, StudySnapshot, TrialRecord
from tuner.spec.optimizer_name import Optimizer
from tuner.spec.states import Purpose, StudyState, TrialState


def next_decision(snapshot: StudySnapshot, free_slots: int, slots: int) -> Decision:
    """The next thing to store and start for this study; empty if it can only wait.

    Args:
        free_slots: most orders to start now.
        slots: of the engine, free or not.

    """
    phase = _PHASES.get(snapshot.study.state)
    return phase(snapshot, free_slots, slots) if phase else Decision()


def _queued(_: StudySnapshot, __: int, ___: int) -> Decision:
    return Decision(move_to=StudyState.CHECKING)


def _checking(snapshot: StudySnapshot, free_slots: int, _: int) -> Decision:
    if snapshot.study.shape is None:
        wanted: list[DescribeOrder | CheckOrder] = [_describe_order(snapshot)]
    else:
        wanted = list(_missing_checks(snapshot))
    if wanted:
        running = {open_order.order.id for open_order in snapshot.open_orders}
        orders = [order for order in wanted if order.id not in running]
        return Decision(orders=tuple(orders[:free_slots]))
    return _after_checks(snapshot)


def _after_checks(snapshot: StudySnapshot) -> Decision:
    verdicts = [check_verdict(snapshot, config.name) for config in snapshot.study.spec.optimizers]
    doubts = [verdict for verdict in verdicts if verdict is not None and not verdict.passed]
    words = "; ".join(verdict.summary for verdict in doubts)
    failed = any(verdict.passed is False for verdict in doubts)
    if failed and snapshot.study.spec.on_failed_check == "stop":
        return Decision(
            move_to=StudyState.FAILED,
            reason=f"the coordinate check failed: {words}. To search all the same, submit the"
            " study with on_failed_check: warn",
        )
    return Decision(move_to=StudyState.SEARCHING, reason=words or None)


def _searching(snapshot: StudySnapshot, free_slots: int, slots: int) -> Decision:
    study = snapshot.study
    finished = 0
    for config in study.spec.optimizers:
        trials = _select(snapshot, config.name, {Purpose.SEARCH})
        alive = [trial for trial in trials if not trial.is_final]
        if alive:
            ready = _all_at_one_rung(alive)
            if ready and study.spec.search.pruner != "none":
                endings, promotions = decide_rung(study, config, trials, tuple(alive))
                return Decision(endings=endings, promotions=promotions)
        elif len(trials) < study.spec.search.trials:
            batch = trials[-1].batch + 1 if trials else 0
            return Decision(new_trials=propose_batch(study, config, trials, batch))
        else:
            finished += 1
            if not any(trial.state is TrialState.COMPLETE for trial in trials):
                return Decision(move_to=StudyState.FAILED, reason=_why_none_completed(trials))
    if finished == len(study.spec.optimizers):
        return Decision(move_to=StudyState.MEASURING)
    return Decision(orders=tuple(train_orders(snapshot, free_slots, slots)))


def _measuring(snapshot: StudySnapshot, free_slots: int, slots: int) -> Decision:
    if new_trials := tuple(grid_trials(snapshot)):
        return Decision(new_trials=new_trials)
    if orders := tuple(train_orders(snapshot, free_slots, slots)):
        return Decision(orders=orders)
    if all(trial.is_final for trial in snapshot.trials):
        return Decision(move_to=StudyState.COMPLETED)
    return Decision()


_PHASES: Final[dict[StudyState, Callable[[StudySnapshot, int, int], Decision]]] = {
    StudyState.QUEUED: _queued,
    StudyState.CHECKING: _checking,
    StudyState.SEARCHING: _searching,
    StudyState.MEASURING: _measuring,
}


def _select(
    snapshot: StudySnapshot, optimizer: Optimizer, purposes: set[Purpose]
) -> tuple[TrialRecord, ...]:
    return tuple(
        trial
        for trial in snapshot.trials
        if trial.optimizer == optimizer and trial.purpose in purposes
    )


def _all_at_one_rung(alive: list[TrialRecord]) -> bool:
    """Whether a whole batch waits at a rung that has not been decided yet."""
    steps = {trial.step for trial in alive}
    return (
        len(steps) == 1
        and alive[0].step > 0
        and all(trial.system_attrs.get(DECIDED_STEP) != trial.step for trial in alive)
    )


def _why_none_completed(trials: tuple[TrialRecord, ...]) -> str:
    counts = {
        reason: len(list(members))
        for reason, members in groupby(sorted(trial.state_reason or "pruned" for trial in trials))
    }
    words = ", ".join(f"{count} {reason}" for reason, count in counts.items())
    last = next((trial.message for trial in reversed(trials) if trial.message), "")
    return (
        f"none of the {len(trials)} search trials of {trials[0].optimizer} finished ({words})."
        f" {last} Lower the range of learning_rate if they diverged; otherwise see the trials'"
        " messages."
    )


# Orders


def _describe_order(snapshot: StudySnapshot) -> DescribeOrder:
    study = snapshot.study
    return DescribeOrder(
        id=OrderId(f"{study.id}-v{study.version}-describe"),
        study_id=study.id,
        model=model_spec(study.spec, study.spec.base_width, Parametrization.MUP),
    )


def _missing_checks(snapshot: StudySnapshot) -> Iterator[CheckOrder]:
    """One order per optimizer and width whose statistics are not stored, widest first."""
    study = snapshot.study
    stored = {(statistic.optimizer, statistic.width) for statistic in snapshot.statistics}
    for config, width in product(study.spec.optimizers, reversed(study.spec.check_widths)):
        if (config.name, width) not in stored:
            yield CheckOrder(
                id=OrderId(f"{study.id}-v{study.version}-check-{config.name}-{width}"),
                study_id=study.id,
                model=model_spec(study.spec, width, Parametrization.MUP),
                optimizer=config.name,
                hyperparameters=check_hyperparameters(config),
                batch_size=study.spec.training.batch_size,
                seeds=tuple(range(study.spec.check_seeds(config.name))),
            )
