"""Every optimizer by the name that a study, an assignment or a checkpoint uses."""

from collections.abc import Mapping
from typing import Final, TypeAlias

from parametrization.optimizer_names import PLUGINS
from parametrization.optimizers.adafactor import ADAFACTOR
from parametrization.optimizers.adagrad import ADAGRAD
from parametrization.optimizers.adam import ADAM, ADAMW
from parametrization.optimizers.ekfac import EKFAC
from parametrization.optimizers.kfac import KFAC
from parametrization.optimizers.lamb import LAMB
from parametrization.optimizers.lars import LARS
from parametrization.optimizers.layer_normalised_sgd import LAYER_NORMALISED_SGD
from parametrization.optimizers.lion import LION
from parametrization.optimizers.modular_norm import (
    MODULAR_EMBEDDING,
    MODULAR_MATRIX,
    MODULAR_VECTOR,
)
from parametrization.optimizers.muon import MUON_MATCH_RMS_ADAMW, MUON_ORIGINAL, MUON_SPECTRAL
from parametrization.optimizers.rmsprop import RMSPROP
from parametrization.optimizers.schedule_free import SCHEDULE_FREE_ADAMW
from parametrization.optimizers.scion import SCION
from parametrization.optimizers.sgd import SGD, SGD_MOMENTUM, SGD_NESTEROV
from parametrization.optimizers.shampoo import SHAMPOO_GRAFTED, SHAMPOO_HALF, SHAMPOO_QUARTER
from parametrization.optimizers.sign_descent import SIGN_DESCENT
from parametrization.optimizers.soap import SOAP
from parametrization.optimizers.update import (
    CoupledOptimizer,
    CurvatureOptimizer,
    GradientOptimizer,
)
from parametrization.plugins.functions import plugin_optimizer

AnyOptimizer: TypeAlias = GradientOptimizer | CoupledOptimizer | CurvatureOptimizer

_ALL: Final[tuple[AnyOptimizer, ...]] = (
    SGD,
    SGD_MOMENTUM,
    SGD_NESTEROV,
    ADAM,
    ADAMW,
    LION,
    MUON_SPECTRAL,
    MUON_ORIGINAL,
    MUON_MATCH_RMS_ADAMW,
    ADAGRAD,
    RMSPROP,
    LAYER_NORMALISED_SGD,
    SHAMPOO_QUARTER,
    SHAMPOO_HALF,
    SHAMPOO_GRAFTED,
    SOAP,
    SIGN_DESCENT,
    LARS,
    LAMB,
    ADAFACTOR,
    *SCION,
    MODULAR_MATRIX,
    MODULAR_EMBEDDING,
    MODULAR_VECTOR,
    SCHEDULE_FREE_ADAMW,
    KFAC,
    EKFAC,
)

OPTIMIZERS: Final[Mapping[str, AnyOptimizer]] = {optimizer.name: optimizer for optimizer in _ALL}


def named(name: str) -> AnyOptimizer:
    """The optimizer called `name`.

    Raises:
        ValueError: if there is none, or if it is a plugin's whose functions cannot be imported.

    """
    if name in PLUGINS.usable:
        return plugin_optimizer(name)
    if name not in OPTIMIZERS:
        raise ValueError(f"there is no optimizer {name!r}; known are {', '.join(OPTIMIZERS)}")
    return OPTIMIZERS[name]
