"""Choose a coordinate check's hyperparameters: small rates, and no searched value."""

from parametrization.check import usual_settings
from tuner.spec.optimizers.records import SearchedOptimizer


def check_hyperparameters(config: SearchedOptimizer) -> dict[str, float]:
    """Those of the study where they are fixed, the defaults where they are searched."""
    return usual_settings.check_hyperparameters(config.name, config.fixed)
