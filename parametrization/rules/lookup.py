"""Width rules: one row per parametrization, optimizer and role, and how to look one up.

The rows stand in `width_rules`, one module per kind of optimizer; `docs/rules.md` renders them.
Convention of `mup`: the readout is stored at a size free of width and multiplied by 1/m in the
forward pass (Yang et al. 2022, arXiv:2203.03466, Table 8).
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from parametrization.optimizers.names import PLUGINS, Optimizer
from parametrization.rules.row import Refusal, Row, Rows, Scaling
from parametrization.rules.width import elementwise, matrix_norms, normalised, preconditioned
from parametrization.rules.width.derived import rows_of
from parametrization.rules.width.standard import STANDARD
from parametrization.shapes.roles import Role

__all__ = ["MUP_TABLES", "WIDTH_RULES", "Optimizer", "Parametrization", "Scaling", "width_row"]


class Parametrization(StrEnum):
    SP = "sp"  # standard: one learning rate for every tensor, at every width
    MUP = "mup"  # maximal update, Tensor Programs V, Table 8


SP, MUP = Parametrization

MUP_TABLES: Final[Mapping[Optimizer, Rows]] = {
    **elementwise.TABLES,
    **normalised.TABLES,
    **matrix_norms.TABLES,
    **preconditioned.TABLES,
    **{Optimizer(name): rows_of(plugin.declaration) for name, plugin in PLUGINS.usable.items()},
}
"""Rows, evidence and refusals of muP by optimizer."""


def width_row(parametrization: Parametrization, optimizer: Optimizer, role: Role) -> Row:
    """The rule of one tensor.

    Raises:
        ValueError: if there is none, with the reason and what to do instead.

    """
    row = MUP_TABLES[optimizer][role]
    if isinstance(row, Refusal):
        raise ValueError(f"{optimizer} has no rule for the role {role}: {row.reason}; {row.remedy}")
    if parametrization is SP:
        row = STANDARD[role]
        assert isinstance(row, Row)
    return row


WIDTH_RULES: Final[Mapping[tuple[Parametrization, Optimizer, Role], Scaling]] = {
    (parametrization, optimizer, role): width_row(parametrization, optimizer, role).scaling
    for parametrization in Parametrization
    for optimizer, rows in MUP_TABLES.items()
    for role, row in rows.items()
    if isinstance(row, Row)
}
"""Exponents by parametrization, optimizer and role; combinations without a rule are absent."""
