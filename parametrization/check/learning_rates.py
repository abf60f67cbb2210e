"""The small learning rates that coordinate checks train with."""

from collections.abc import Mapping
from typing import Final

from parametrization.check.words import sized_by_gradient
from parametrization.optimizers.names import PLUGINS, Optimizer

CHECK_LEARNING_RATE: Final[Mapping[Optimizer, float]] = {
    **dict.fromkeys(Optimizer, 2.0**-12),
    **{optimizer: 2.0**-7 for optimizer in Optimizer if sized_by_gradient(optimizer)},
    Optimizer.SIGN_DESCENT: 2.0**-13,
    Optimizer.LION: 2.0**-13,
    Optimizer.RMSPROP: 2.0**-13,
    Optimizer.LAYER_NORMALISED_SGD: 2.0**-6,
    Optimizer.LARS: 2.0**-2,
    Optimizer.LAMB: 2.0**-9,
    Optimizer.ADAFACTOR: 2.0**-9,
    Optimizer.MUON_SPECTRAL: 2.0**-8,
    Optimizer.MUON_ORIGINAL: 2.0**-8,
    Optimizer.MUON_BARE: 2.0**-8,
    Optimizer.SHAMPOO_QUARTER: 2.0**-8,
    Optimizer.SOAP: 2.0**-11,
    **{Optimizer(n): p.declaration.check_learning_rate for n, p in PLUGINS.usable.items()},
}
"""Rate at the base width: small enough that slopes are those of the rule, not of training."""
