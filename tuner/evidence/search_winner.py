"""Find the best trial of a search: the grid lies around its rate, and answers start from it."""

from collections.abc import Iterable

from parametrization.rules.lookup import Optimizer
from tuner.records.snapshot import TrialRecord
from tuner.spec.states import Purpose, TrialState


def finished_searches(
    trials: Iterable[TrialRecord], optimizer: Optimizer
) -> tuple[TrialRecord, ...]:
    """The optimizer's search trials with a result, the best first; ties go to the earlier one."""
    found = [
        (trial.value, trial.number, trial)
        for trial in trials
        if (trial.purpose, trial.optimizer) == (Purpose.SEARCH, optimizer)
        and trial.state is TrialState.COMPLETE
        and trial.value is not None
    ]
    return tuple(trial for _, _, trial in sorted(found))
