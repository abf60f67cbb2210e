"""Trials and distributions as Optuna's objects."""

from collections.abc import Mapping
from typing import Final, TypeAlias

import optuna
from optuna.distributions import BaseDistribution

from tuner.records.given_points import GivenPoint
from tuner.records.trials import TrialRecord
from tuner.spec.optimizers.distributions import Distribution, FloatDistribution, IntDistribution
from tuner.spec.optimizers.records import OptimizerConfig
from tuner.spec.phases.searched_training import Drawn, ShapeChoices
from tuner.spec.states import TrialState

TRAINING: Final = "training."
"""Prefix of the names of drawn training settings, which no hyperparameter has."""
OfTraining: TypeAlias = Mapping[str, Distribution | ShapeChoices]
"""Searched fields of training by name."""
_NOTHING: Final[OfTraining] = {}

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
    """The trial for Optuna. Diverged ones are pruned: samplers would return to failed ones."""
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


def searched_by(config: OptimizerConfig, training: OfTraining = _NOTHING) -> OfTraining:
    """Distributions that the search draws from, by Optuna's name; training's have a prefix."""
    return {**config.searched, **{TRAINING + name: value for name, value in training.items()}}


def drawn_training(params: Drawn) -> dict[str, float | str] | None:
    """Drawn training settings by their own names; None if none were drawn."""
    drawn = {
        name.removeprefix(TRAINING): value
        for name, value in params.items()
        if name.startswith(TRAINING)
    }
    return drawn or None


def distributions_of(
    config: OptimizerConfig, training: OfTraining = _NOTHING
) -> dict[str, BaseDistribution]:
    """The same as Optuna's distributions."""
    return {name: _distribution(value) for name, value in searched_by(config, training).items()}


def _distribution(ours: Distribution | ShapeChoices) -> BaseDistribution:
    if isinstance(ours, FloatDistribution):
        return optuna.distributions.FloatDistribution(
            ours.low, ours.high, log=ours.log, step=ours.step
        )
    if isinstance(ours, IntDistribution):
        return optuna.distributions.IntDistribution(
            ours.low, ours.high, log=ours.log, step=ours.step
        )
    return optuna.distributions.CategoricalDistribution(ours.choices)
