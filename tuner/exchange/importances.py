"""Importances of the searched hyperparameters, by Optuna's functional ANOVA.

Source: Hutter, Hoos and Leyton-Brown 2014, "An efficient approach for assessing hyperparameter
importance": the share of a random forest's variance over the search space that one hyperparameter
explains alone.
"""

import optuna
from optuna.importance import FanovaImportanceEvaluator

from parametrization.recommendation.record import Record
from tuner.decisions.optuna_trials import OfTraining, as_optuna, distributions_of
from tuner.records.trials import TrialGroup
from tuner.spec.optimizers.records import OptimizerConfig
from tuner.spec.states import TrialState

LEAST_TRIALS = 4
"""With fewer complete trials there are no importances."""


class Importances(Record):
    """Share of the search's variance that each hyperparameter explains."""

    optimizer: str
    trials: int
    """Complete ones, which it rests on."""
    importances: dict[str, float] | None
    """Shares that add up to 1, the largest first; null where they are not known."""
    reason: str | None
    """The reason that they are missing."""


def importances(
    config: OptimizerConfig, trials: TrialGroup, training: OfTraining | None = None
) -> Importances:
    """Importances of one optimizer's searched hyperparameters, the same for the same trials.

    Args:
        training: distributions of training that the search draws from.

    """
    complete = [trial for trial in trials if trial.state is TrialState.COMPLETE]
    space = distributions_of(config, training or {})
    values = {trial.value for trial in complete}
    reason = None
    if len(complete) < LEAST_TRIALS:
        reason = f"{len(complete)} trials of the search are complete: it takes {LEAST_TRIALS}"
    elif len(values) == 1:
        reason = "all complete trials came to the same"
    shares = None
    if reason is None:
        study = optuna.create_study(study_name=config.name)
        study.add_trials([as_optuna(trial, space) for trial in complete])
        found = optuna.importance.get_param_importances(
            study, evaluator=FanovaImportanceEvaluator(seed=0), params=list(space)
        )
        shares = {name: float(share) for name, share in found.items()}
    return Importances(
        optimizer=config.name, trials=len(complete), importances=shares, reason=reason
    )
