"""Every optimizer that has scaling rules, by the name that studies and checkpoints use.

Installed plugins add names to the enumeration when it is made, so that every table, schema and
query over optimizers knows them without further ado.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from parametrization.optimizers.plugins import Plugins, find_plugins

_FOUND: Final = find_plugins()
_built_in: set[str] = set()


def _of_plugins(body: Mapping[str, object]) -> dict[str, str]:
    """Members to add to the class body, by name; what stands there already is built in."""
    _built_in.update(str(value) for name, value in body.items() if name.isupper())
    return {name.upper(): name for name in _FOUND.beside(_built_in).usable}


class Optimizer(StrEnum):
    """Names of `parametrization.nn.updates.registry`, and one step that only others' code takes.

    The last ones are those of installed plugins.
    """

    ADAM = "adam"
    ADAMW = "adamw"
    SGD = "sgd"
    SGD_MOMENTUM = "sgd_momentum"
    SGD_NESTEROV = "sgd_nesterov"
    ADAGRAD = "adagrad"
    RMSPROP = "rmsprop"
    SCHEDULE_FREE_ADAMW = "schedule_free_adamw"
    LION = "lion"
    SIGN_DESCENT = "sign_descent"
    LAYER_NORMALISED_SGD = "layer_normalised_sgd"
    LARS = "lars"
    LAMB = "lamb"
    ADAFACTOR = "adafactor"
    MUON_SPECTRAL = "muon_spectral"
    MUON_ORIGINAL = "muon_original"
    MUON_MATCH_RMS_ADAMW = "muon_match_rms_adamw"
    MUON_BARE = "muon_bare"  # orthogonalised step without any factor of its shape
    SCION_COLUMN = "scion_column"
    SCION_SPECTRAL = "scion_spectral"
    SCION_SPECTRAL_AT_LEAST_ONE = "scion_spectral_at_least_one"
    SCION_SIGN = "scion_sign"
    SCION_SIGN_OVER_FAN_IN = "scion_sign_over_fan_in"
    SCION_RMS = "scion_rms"
    MODULAR_MATRIX = "modular_matrix"
    MODULAR_EMBEDDING = "modular_embedding"
    MODULAR_VECTOR = "modular_vector"
    SHAMPOO_QUARTER = "shampoo_quarter"
    SHAMPOO_HALF = "shampoo_half"
    SHAMPOO_GRAFTED = "shampoo_grafted"
    SOAP = "soap"
    KFAC = "kfac"
    EKFAC = "ekfac"
    vars().update(_of_plugins(vars()))


PLUGINS: Final[Plugins] = _FOUND.beside(_built_in)
"""Optimizers of installed packages, and those that had to be left out."""
