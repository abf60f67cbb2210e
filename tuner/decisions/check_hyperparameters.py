"""The numbers that a coordinate check trains with: small rates, and no searched value."""

from parametrization.check.verdict import CHECK_LEARNING_RATE
from parametrization.optimizers.hyperparameters import RATE_MULTIPLIERS
from parametrization.optimizers.names import PLUGINS
from parametrization.scaling.companions import RATIO, companion_of
from tuner.spec.optimizer_defaults import STUDIED
from tuner.spec.optimizers import SearchedOptimizer


def check_hyperparameters(config: SearchedOptimizer) -> dict[str, float]:
    """Those of the study where they are fixed, the defaults where they are searched.

    Each optimizer of a mixed model is checked at its own small rate, so the ratio is theirs. A
    plugin says what its phases need to fall within the check's few updates.
    """
    rate, companion = CHECK_LEARNING_RATE[config.name], companion_of(config.name)
    ratio = {} if companion is None else {RATIO: CHECK_LEARNING_RATE[companion] / rate}
    plugin = PLUGINS.usable.get(config.name)
    return {
        **STUDIED[config.name].defaults,
        **config.fixed,
        **({} if plugin is None else plugin.declaration.check_hyperparameters),
        "learning_rate": rate,
        **dict.fromkeys(("init_std", "output_multiplier", *RATE_MULTIPLIERS), 1.0),
        **ratio,
    }
