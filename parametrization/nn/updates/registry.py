"""Every optimizer by the name that a study, an assignment or a checkpoint uses."""

from collections.abc import Mapping
from typing import Final, TypeAlias

from parametrization.nn.updates.adafactor import ADAFACTOR
from parametrization.nn.updates.adagrad import ADAGRAD
from parametrization.nn.updates.adam import ADAM, ADAMW
from parametrization.nn.updates.ekfac import EKFAC
from parametrization.nn.updates.kfac import KFAC
from parametrization.nn.updates.lamb import LAMB
from parametrization.nn.updates.lars import LARS
from parametrization.nn.updates.layer_normalised_sgd import LAYER_NORMALISED_SGD
from parametrization.nn.updates.lion import LION
from parametrization.nn.updates.modular_norm import (
    MODULAR_EMBEDDING,
    MODULAR_MATRIX,
    MODULAR_VECTOR,
)
from parametrization.nn.updates.muon import MUON_MATCH_RMS_ADAMW, MUON_ORIGINAL, MUON_SPECTRAL
from parametrization.nn.updates.of_plugins import plugin_optimizer
from parametrization.nn.updates.rmsprop import RMSPROP
from parametrization.nn.updates.schedule_free import SCHEDULE_FREE_ADAMW
from parametrization.nn.updates.scion import SCION
from parametrization.nn.updates.sgd import SGD, SGD_MOMENTUM, SGD_NESTEROV
from parametrization.nn.updates.shampoo import SHAMPOO_GRAFTED, SHAMPOO_HALF, SHAMPOO_QUARTER
from parametrization.nn.updates.sign_descent import SIGN_DESCENT
from parametrization.nn.updates.soap import SOAP
from parametrization.nn.updates.update import (
    CoupledOptimizer,
    CurvatureOptimizer,
    GradientOptimizer,
)
from parametrization.optimizers.names import PLUGINS

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
