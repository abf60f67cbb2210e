"""The rules of one optimizer: its row of width by role, its row of batch and tokens.

Convention of `mup`: the readout is stored at a size free of width and multiplied by 1/m in the
forward pass (Yang et al. 2022, arXiv:2203.03466, Table 8). `docs/rules.md` renders all rows.
"""

from collections.abc import Mapping
from typing import Final

from parametrization.optimizers.registry import OPTIMIZERS, declared
from parametrization.rules.horizon import UNCHANGED, HorizonRow, HorizonRule
from parametrization.rules.parametrization import Parametrization
from parametrization.rules.row import HyperparameterRow, Refusal, Row, Rows
from parametrization.rules.width.standard import STANDARD, embedding_row
from parametrization.shapes.roles import Role

WIDTH_ROWS: Final[Mapping[str, Rows]] = {
    name: declaration.width_rows for name, declaration in OPTIMIZERS.items()
}
"""Rows, evidence and refusals of muP by optimizer."""
HYPERPARAMETER_ROWS: Final[Mapping[tuple[str, str], HyperparameterRow]] = {
    (name, hyperparameter): row
    for name, declaration in OPTIMIZERS.items()
    for hyperparameter in declaration.hyperparameters
    if (row := declaration.hyperparameter_row(hyperparameter)) is not None
}
"""Rows of numbers beside rate, decay and epsilon that width changes, by optimizer and name."""


def width_row(parametrization: Parametrization, optimizer: str, role: Role) -> Row:
    """The rule of one tensor.

    Raises:
        ValueError: if there is none, with the reason and what to do instead.

    """
    row = _mup_row(optimizer, role)
    if parametrization is Parametrization.MUP:
        return row
    if parametrization is Parametrization.SP_EMBEDDING and role is Role.INPUT:
        return embedding_row(row, _mup_row(optimizer, Role.HIDDEN))
    standard = STANDARD[role]
    assert isinstance(standard, Row)
    return standard


def _mup_row(optimizer: str, role: Role) -> Row:
    row = WIDTH_ROWS[declared(optimizer).name][role]
    if isinstance(row, Refusal):
        raise ValueError(f"{optimizer} has no rule for the role {role}: {row.reason}; {row.remedy}")
    return row


def horizon_row(
    rule: HorizonRule, optimizer: str, batch_mult: float, token_mult: float
) -> HorizonRow:
    """The row of an optimizer.

    Raises:
        ValueError: if the rule says nothing of this optimizer, or holds tokens still and they
            are not.

    """
    if batch_mult == token_mult == 1 or rule is HorizonRule.NONE:
        return UNCHANGED
    rows = declared(optimizer).horizon
    if rule not in rows:
        raise ValueError(
            f"horizon_rule {rule} has no row for {optimizer}: {_remedy(rows)}, or keep batch"
            f" and tokens (got batch_mult={batch_mult:g}, token_mult={token_mult:g})"
        )
    if not rows[rule].covers_tokens and token_mult != 1:
        raise ValueError(
            f"horizon_rule {rule} holds the number of tokens still, got token_mult={token_mult:g}:"
            f" keep it at 1, or use complete-d where it has a row for {optimizer}"
        )
    return rows[rule]


def _remedy(rows: Mapping[HorizonRule, HorizonRow]) -> str:
    if rows:
        return f"use {' or '.join(rule for rule in HorizonRule if rule in rows)}"
    return "no published rule covers it; retune its rate at the target's batch and tokens"
