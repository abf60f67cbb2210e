"""Trials and distributions in Optuna's words."""

from typing import Final

import optuna
from optuna.distributions import BaseDistribution

from tuner.records.given_points import GivenPoint
from tuner.records.trials import TrialRecord
from tuner.spec.optimizers.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from tuner.spec.optimizers.records import OptimizerConfig
from tuner.spec.states import TrialState

_STATES: Final = {
    TrialState.WAITING: optuna.trial.TrialState.RUNNING,
    TrialState.RUNNING: optuna.trial.TrialState.RUNNING,
    TrialState.COMPLETE: optuna.trial.TrialState.COMPLETE,
    TrialState.PRUNED: optuna.trial.TrialState.PRUNED,
    TrialState.FAIL: optuna.trial.TrialState.FAIL,
}


def as_optuna(
    trial: TrialRecord, distributions: dict[str, BaseDistribution]
) -> optuna.trial.FrozenTrial:
    """The trial in Optuna's words. Diverged ones are pruned: told as failed, samplers go back."""
    return optuna.trial.create_trial(
        state=_STATES[trial.state],
        value=trial.value if trial.state is TrialState.COMPLETE else None,
        params=trial.params,
        distributions=distributions,
        intermediate_values=trial.intermediate_values,
        system_attrs=trial.system_attrs,
        user_attrs={"reason": trial.state_reason} if trial.state_reason else {},
    )


def as_known(
    point: GivenPoint, distributions: dict[str, BaseDistribution]
) -> optuna.trial.FrozenTrial:
    """A point whose value is known from elsewhere, as a trial that has ended."""
    return optuna.trial.create_trial(
        value=point.value,
        params=point.params,
        distributions={name: distributions[name] for name in point.params},
    )


def distributions_of(config: OptimizerConfig) -> dict[str, BaseDistribution]:
    """What a search of this optimizer draws from, by name."""
    return {name: _distribution(value) for name, value in config.searched.items()}


def _distribution(
    ours: FloatDistribution | IntDistribution | CategoricalDistribution,
) -> BaseDistribution:
    if isinstance(ours, FloatDistribution):
        return optuna.distributions.FloatDistribution(
            ours.low, ours.high, log=ours.log, step=ours.step
        )
    if isinstance(ours, IntDistribution):
        return optuna.distributions.IntDistribution(
            ours.low, ours.high, log=ours.log, step=ours.step
        )
    return optuna.distributions.CategoricalDistribution(ours.choices)
