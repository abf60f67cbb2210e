"""The numbers that a coordinate check trains with: small rates, and no searched value."""

from parametrization.companions import COMPANION, MATRIX_OPTIMIZERS, RATIO
from parametrization.coordinate_check import CHECK_LEARNING_RATE
from parametrization.optimizer_names import PLUGINS
from tuner.optimizer_defaults import STUDIED
from tuner.optimizers import SearchedOptimizer


def check_hyperparameters(config: SearchedOptimizer) -> dict[str, float]:
    """Those of the study where they are fixed, the defaults where they are searched.

    Each optimizer of a mixed model is checked at its own small rate, so the ratio is theirs. A
    plugin says what its phases need to fall within the check's few updates.
    """
    rate = CHECK_LEARNING_RATE[config.name]
    ratio = (
        {RATIO: CHECK_LEARNING_RATE[COMPANION] / rate} if config.name in MATRIX_OPTIMIZERS else {}
    )
    plugin = PLUGINS.usable.get(config.name)
    return {
        **STUDIED[config.name].defaults,
        **config.fixed,
        **({} if plugin is None else plugin.declaration.check_hyperparameters),
        "learning_rate": rate,
        **dict.fromkeys(("init_std", "output_multiplier"), 1.0),
        **ratio,
    }
