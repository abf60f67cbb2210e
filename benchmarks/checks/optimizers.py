"""Optimizers that the coordinate checks run over, with their numbers at the base width."""

from collections.abc import Mapping
from typing import Final

from parametrization.check.verdict import CHECK_LEARNING_RATE
from parametrization.nn.updates.registry import named
from parametrization.optimizers.assignment import (
    LARS,
    MODULAR_NORM,
    SCION,
    Assignment,
    everywhere,
    linear_maps_with,
    matrices_with,
)
from parametrization.optimizers.hyperparameters import HYPERPARAMETERS
from parametrization.rules.lookup import MUP_TABLES, Optimizer
from parametrization.rules.row import Row
from parametrization.shapes.roles import Role

ASSIGNMENTS: Final[Mapping[str, Assignment]] = {
    "adamw": everywhere("adamw"),
    "adam": everywhere("adam"),
    "sgd": everywhere("sgd"),
    "sgd_momentum": everywhere("sgd_momentum"),
    "sgd_nesterov": everywhere("sgd_nesterov"),
    "rmsprop": everywhere("rmsprop"),
    "adagrad": everywhere("adagrad"),
    "lion": everywhere("lion"),
    "sign_descent": everywhere("sign_descent"),
    "schedule_free_adamw": everywhere("schedule_free_adamw"),
    "layer_normalised_sgd": everywhere("layer_normalised_sgd"),
    "lars+sgd": LARS,
    "lamb": everywhere("lamb"),
    "adafactor": everywhere("adafactor"),
    "scion": SCION,
    "muon_spectral+adamw": matrices_with("muon_spectral"),
    "muon_original+adamw": matrices_with("muon_original"),
    "muon_match_rms_adamw+adamw": matrices_with("muon_match_rms_adamw"),
    "shampoo_quarter+adamw": matrices_with("shampoo_quarter"),
    "shampoo_half+adamw": matrices_with("shampoo_half"),
    "shampoo_grafted+adamw": matrices_with("shampoo_grafted"),
    "soap+adamw": matrices_with("soap"),
    "modular_norm": MODULAR_NORM,
    "kfac+adamw": linear_maps_with("kfac"),
    "ekfac+adamw": linear_maps_with("ekfac"),
}
"""A new optimizer is one line."""

SLOW: Final = (
    *("shampoo_quarter+adamw", "shampoo_half+adamw", "shampoo_grafted+adamw", "soap+adamw"),
    *("kfac+adamw", "ekfac+adamw"),
)
"""Decompose matrices, and are checked on one family alone, from 128 to 512.

From 64 to 256 their slopes decide nothing: K-FAC and EKFAC have +0.15 to +0.19 in input and hidden
layers, as long as a batch has more examples than a layer is wide; grafted Shampoo -0.23 in hidden
ones (and -0.36 on a GPT), because the rank that it spreads Adam's norm over grows until there; a
readout that may not start at zero -0.16 to -0.22 behind all of them.
"""

OVERRIDES: Final[Mapping[str, Mapping[str, float]]] = {
    "sgd_momentum": {"momentum": 0.9},
    "sgd_nesterov": {"momentum": 0.9},
    "adagrad": {"epsilon": 1e-12, "initial_accumulator": 1e-20},
}
"""Where a default of the optimizer would hide what is checked."""


def numbers(assignment: Assignment, **overrides: float) -> dict[Optimizer, dict[str, float]]:
    """Hyperparameters at the base width of every optimizer of the assignment."""
    return {
        Optimizer(name): _numbers(Optimizer(name)) | _known(Optimizer(name), overrides)
        for name in sorted(assignment.optimizers)
    }


def is_empirical(assignment: Assignment) -> bool:
    """Whether a row that it needs rests on little."""
    rows = [MUP_TABLES[Optimizer(name)][role] for role, name in assignment.by_role.items()]
    common = (Role.INPUT, Role.HIDDEN, Role.OUTPUT, Role.VECTOR)
    return any(
        isinstance(row, Row) and row.evidence.confidence == "L" and role in common
        for role, row in zip(assignment.by_role, rows, strict=True)
    )


def _numbers(optimizer: Optimizer) -> dict[str, float]:
    takes = HYPERPARAMETERS[optimizer]
    defaults = {"init_std": 1.0, "output_multiplier": 1.0, **named(optimizer).hyperparameters}
    given = {**defaults, **OVERRIDES.get(optimizer, {})}
    given["learning_rate"] = CHECK_LEARNING_RATE[optimizer]
    return {name: value for name, value in given.items() if name in takes}


def _known(optimizer: Optimizer, overrides: Mapping[str, float]) -> dict[str, float]:
    return {name: v for name, v in overrides.items() if name in HYPERPARAMETERS[optimizer]}
