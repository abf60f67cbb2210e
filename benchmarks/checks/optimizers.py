"""Optimizers that the coordinate checks run over, with their numbers at the base width."""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from parametrization.optimizers.assignment import Assignment
from parametrization.optimizers.hyperparameters import EVERYWHERE
from parametrization.optimizers.lookup import WIDTH_ROWS
from parametrization.optimizers.registry import BUILT_IN, STUDIED, declared
from parametrization.rules.row import Row
from parametrization.scaling.companions import companion_of
from parametrization.shapes.roles import Role


class Checked(NamedTuple):
    """One row's optimizers, and values in place of their defaults."""

    assignment: Assignment
    values: Mapping[str, float] = {}


_LABELS: Final = {"scion_spectral": "scion", "modular_matrix": "modular_norm"}
"""Of leads whose companions are of a family."""
_OVERRIDES: Final[Mapping[str, Mapping[str, float]]] = {
    "sgd": {"momentum": 0.0},
    "adagrad": {"epsilon": 1e-12, "initial_accumulator": 1e-20},
}
"""Values in place of defaults that would hide what is checked."""


def _checked() -> Iterator[tuple[str, Checked]]:
    """Every built-in optimizer that a study can name; SGD with its momentum besides."""
    for name, declaration in STUDIED.items():
        if name not in BUILT_IN:
            continue
        companion = companion_of(name)
        label = f"{name}+{companion}" if companion else _LABELS.get(name, name)
        yield label, Checked(declaration.assignment)
        if name == "sgd":
            yield "sgd_momentum", Checked(declaration.assignment, {"momentum": 0.9})


CHECKED_OPTIMIZERS: Final[Mapping[str, Checked]] = dict(_checked())
"""By the names that the stored results use."""

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


def numbers(checked: Checked, **values: float) -> dict[str, dict[str, float]]:
    """Hyperparameters at the base width of every optimizer of the row.

    Args:
        values: in place of all others, for the optimizers that take them.

    """
    return {
        name: _numbers(name, {**_OVERRIDES.get(name, {}), **checked.values, **values})
        for name in sorted(checked.assignment.optimizers)
    }


def is_empirical(checked: Checked) -> bool:
    """True if a row that it needs has little evidence."""
    common = (Role.INPUT, Role.HIDDEN, Role.OUTPUT, Role.VECTOR)
    rows = [WIDTH_ROWS[checked.assignment.by_role[role]][role] for role in common]
    return any(isinstance(row, Row) and row.evidence.confidence == "L" for row in rows)


def _numbers(optimizer: str, values: Mapping[str, float]) -> dict[str, float]:
    declaration = declared(optimizer)
    given = {**dict.fromkeys(EVERYWHERE, 1.0), **declaration.defaults}
    known = {name: value for name, value in values.items() if name in given}
    return {**given, **known, "learning_rate": declaration.check_learning_rate}
