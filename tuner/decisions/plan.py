"""The next decision about one study, and the orders that it could start: pure functions.

`next_decision` is called again after every decision is stored, until it has nothing to add;
so each phase only looks at what is stored and returns the next thing that is missing. Neither
function knows which slots are free: `tuner.decisions.allocation` does.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, product
from typing import Final

from parametrization.check.usual_settings import check_hyperparameters
from parametrization.rules.parametrization import Parametrization
from tuner.decisions.dynamics import missing_dynamics
from tuner.decisions.measure import measure_trials, repeated_trials
from tuner.decisions.packing import model_spec, train_orders
from tuner.decisions.search import DECIDED_STEP, Searches, decide_rung, propose_batch
from tuner.engine.orders import AnyOrder, CheckOrder, DescribeOrder, OrderId, check_order_id
from tuner.evidence.budget import fitting, searches_on
from tuner.evidence.checks.posted import awaited_statistics
from tuner.evidence.coordinate_check import check_verdict
from tuner.evidence.measuring import measuring_end
from tuner.records.decision import Decision
from tuner.records.snapshot import StudySnapshot
from tuner.records.trials import NewTrial, TrialGroup, TrialRecord
from tuner.spec.optimizers.records import OptimizerConfig
from tuner.spec.states import Purpose, StudyState


def next_decision(snapshot: StudySnapshot, searches: Searches | None = None) -> Decision:
    """The next thing to store about this study; empty if it only has orders to start or to wait.

    Args:
        searches: of this study; saves time, and changes nothing about the answer.

    """
    if snapshot.study.state is StudyState.SEARCHING:
        return _searching(snapshot, searches or Searches())
    phase = _PHASES.get(snapshot.study.state)
    return phase(snapshot) if phase else Decision()


def wanted_orders(snapshot: StudySnapshot) -> Iterator[AnyOrder]:
    """All orders that the study could start now, the most urgent first, made one by one.

    Ask when `next_decision` has nothing to add: `allocate` chooses which of them start.
    """
    if snapshot.study.state is StudyState.CHECKING:
        if snapshot.study.spec.family.is_external:
            return  # its statistics are posted by its owner
        running = {open_order.order.id for open_order in snapshot.open_orders}
        yield from (order for order in _missing_checks(snapshot) if order.id not in running)
    elif snapshot.study.state in (StudyState.SEARCHING, StudyState.MEASURING):
        yield from train_orders(snapshot)
        if snapshot.study.state is StudyState.MEASURING and not snapshot.trials.unfinished:
            running = {open_order.order.id for open_order in snapshot.open_orders}
            yield from (one for one in missing_dynamics(snapshot) if one.id not in running)


def _queued(_: StudySnapshot) -> Decision:
    return Decision(move_to=StudyState.CHECKING)


def _checking(snapshot: StudySnapshot) -> Decision:
    study = snapshot.study
    if study.spec.family.is_external:
        waits = any(awaited_statistics(study, snapshot.statistics))
    else:
        waits = any(_missing_checks(snapshot))
    return Decision() if waits else _after_checks(snapshot)


def _after_checks(snapshot: StudySnapshot) -> Decision:
    found = [check_verdict(snapshot, config.name) for config in snapshot.study.spec.optimizers]
    verdicts = [verdict for verdict in found if verdict is not None]
    if snapshot.study.spec.only_checks:
        words = "; ".join(verdict.summary for verdict in verdicts)
        return Decision(move_to=StudyState.COMPLETED, reason=words)
    doubts = [verdict for verdict in verdicts if not verdict.passed]
    words = "; ".join(verdict.summary for verdict in doubts)
    failed = any(verdict.passed is False for verdict in doubts)
    if failed and snapshot.study.spec.on_failed_check == "stop":
        return Decision(
            move_to=StudyState.FAILED,
            reason=f"the coordinate check failed: {words}. To search all the same, submit the"
            " study with on_failed_check: warn",
        )
    return Decision(move_to=StudyState.SEARCHING, reason=words or None)


def _searching(snapshot: StudySnapshot, searches: Searches) -> Decision:
    study = snapshot.study
    finished = 0
    for config in study.spec.optimizers:
        trials = snapshot.trials.of(Purpose.SEARCH, config.name)
        if trials.unfinished:
            standing = tuple(trials.unfinished.values())
            if study.spec.search.pruner != "none" and _all_at_one_rung(standing):
                search = searches.told(study, config, trials, snapshot.given)
                endings, promotions = decide_rung(search, standing)
                return Decision(endings=endings, promotions=promotions)
        elif batch := _next_batch(snapshot, searches, config, trials):
            return Decision(new_trials=batch)
        else:
            finished += 1
            if trials.best is None:
                return Decision(move_to=StudyState.FAILED, reason=_why_none_completed(trials))
    if finished == len(study.spec.optimizers):
        return Decision(move_to=StudyState.MEASURING)
    return Decision()


def _next_batch(
    snapshot: StudySnapshot, searches: Searches, config: OptimizerConfig, trials: TrialGroup
) -> tuple[NewTrial, ...]:
    """The next trials of a search; none once it has all, or its budget's share."""
    study = snapshot.study
    if len(trials) >= study.spec.search.trials:
        return ()
    number = trials[-1].batch + 1 if trials else 0
    batch = propose_batch(searches.told(study, config, trials, snapshot.given), number)
    begins = not trials  # without a batch there is nothing to measure around
    return batch if begins or searches_on(snapshot, batch) else ()


def _measuring(snapshot: StudySnapshot) -> Decision:
    due = (*measure_trials(snapshot), *repeated_trials(snapshot))
    new_trials = fitting(snapshot, due)
    if new_trials:
        return Decision(new_trials=new_trials)
    if snapshot.trials.unfinished:
        return Decision()
    if any(missing_dynamics(snapshot)):
        return Decision()
    left_out = len(due) - len(new_trials)
    return Decision(move_to=StudyState.COMPLETED, reason=_what_ended(snapshot, left_out))


def _what_ended(snapshot: StudySnapshot, left_out: int) -> str | None:
    """Reason that each optimizer's measurement ended early; None where its grid was completed."""
    spec = snapshot.study.spec
    if left_out and spec.budget is not None:
        return f"stopped at its {spec.budget.words}: {left_out} trials more would not fit into it"
    if spec.measure.plan == "grid":
        return None
    names = [config.name for config in spec.optimizers]
    ends = ((name, measuring_end(snapshot, name)) for name in names)
    words = [
        f"{name}: {end.trials} trials, for {end.words}" for name, end in ends if end is not None
    ]
    return f"measured enough ({'; '.join(words)})"


_PHASES: Final[dict[StudyState, Callable[[StudySnapshot], Decision]]] = {
    StudyState.QUEUED: _queued,
    StudyState.CHECKING: _checking,
    StudyState.MEASURING: _measuring,
}


def _all_at_one_rung(unfinished: Sequence[TrialRecord]) -> bool:
    """True if a whole batch waits at a rung that has not been decided yet."""
    steps = {trial.step for trial in unfinished}
    return (
        len(steps) == 1
        and steps != {0}
        and all(trial.system_attrs.get(DECIDED_STEP, -1) < trial.step for trial in unfinished)
    )


def _why_none_completed(trials: Sequence[TrialRecord]) -> str:
    counts = {
        reason: len(list(members))
        for reason, members in groupby(sorted(trial.state_reason or "pruned" for trial in trials))
    }
    words = ", ".join(f"{count} {reason}" for reason, count in counts.items())
    last = next((trial.message for trial in reversed(trials) if trial.message), None)
    told = f" The last: {last.rstrip('.')}." if last else ""
    return (
        f"none of the {len(trials)} search trials of {trials[0].optimizer} finished ({words})."
        f"{told} Lower the range of learning_rate if they diverged; otherwise see the trials'"
        " messages."
    )


# Orders


def _describe_order(snapshot: StudySnapshot) -> DescribeOrder:
    study = snapshot.study
    return DescribeOrder(
        id=OrderId(f"{study.id}-v{study.version}-describe"),
        study_id=study.id,
        model=model_spec(study.as_trained, study.spec.base_width, Parametrization.MUP),
    )


def _missing_checks(snapshot: StudySnapshot) -> Iterator[DescribeOrder | CheckOrder]:
    """Orders that the coordinate check still needs: the model's shape, then statistics by width."""
    study = snapshot.study
    if study.shape is None:
        yield _describe_order(snapshot)
        return
    if study.spec.family.skips_check:
        return
    stored = {(statistic.optimizer, statistic.width) for statistic in snapshot.statistics}
    for config, width in product(study.spec.optimizers, reversed(study.spec.check_widths)):
        if (config.name, width) not in stored:
            yield CheckOrder(
                id=check_order_id(study.id, study.version, config.name, width),
                study_id=study.id,
                model=model_spec(study.as_trained, width, study.spec.check.parametrization),
                optimizer=config.name,
                hyperparameters=check_hyperparameters(config.name, config.fixed),
                batch_size=study.spec.training.batch_size,
                seeds=tuple(range(study.spec.check_seeds(config.name))),
            )
