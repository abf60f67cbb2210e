"""Choose a coordinate check's hyperparameters: small rates, and no searched value."""

from parametrization.optimizers.hyperparameters import RATE_MULTIPLIERS
from parametrization.optimizers.registry import declared
from parametrization.scaling.companions import RATIO, companion_of, flat_defaults
from tuner.spec.optimizers.records import SearchedOptimizer


def check_hyperparameters(config: SearchedOptimizer) -> dict[str, float]:
    """Those of the study where they are fixed, the defaults where they are searched.

    Each optimizer of a mixed model is checked at its own small rate, so the ratio is theirs. A
    declaration says what its phases need to fall within the check's few updates.
    """
    lead, companion = declared(config.name), companion_of(config.name)
    rate = lead.check_learning_rate
    ratio = {} if companion is None else {RATIO: declared(companion).check_learning_rate / rate}
    return {
        **flat_defaults(lead.name),
        **config.fixed,
        **lead.check_hyperparameters,
        "learning_rate": rate,
        **dict.fromkeys(("init_std", "output_multiplier", *RATE_MULTIPLIERS), 1.0),
        **ratio,
    }
