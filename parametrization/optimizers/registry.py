"""Every optimizer by the name that a study, an assignment or a checkpoint uses."""

from collections.abc import Mapping
from typing import Final, TypeAlias

from parametrization.optimizers.adam import ADAM, ADAMW
from parametrization.optimizers.lion import LION
from parametrization.optimizers.muon import MUON_MATCH_RMS_ADAMW, MUON_ORIGINAL, MUON_SPECTRAL
from parametrization.optimizers.sgd import SGD, SGD_MOMENTUM, SGD_NESTEROV
from parametrization.optimizers.update import (
    CoupledOptimizer,
    CurvatureOptimizer,
    GradientOptimizer,
)

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
)

OPTIMIZERS: Final[Mapping[str, AnyOptimizer]] = {optimizer.name: optimizer for optimizer in _ALL}


def named(name: str) -> AnyOptimizer:
    """The optimizer called `name`.

    Raises:
        ValueError: if there is none.

    """
    if name not in OPTIMIZERS:
        raise ValueError(f"there is no optimizer {name!r}; known are {', '.join(OPTIMIZERS)}")
    return OPTIMIZERS[name]
