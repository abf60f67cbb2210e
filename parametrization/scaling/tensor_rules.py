"""Look up the rules in force for one tensor under one optimizer and its policies."""

import math
from typing import NamedTuple

from parametrization.optimizers.declaration import OptimizerDeclaration
from parametrization.optimizers.lookup import horizon_row, width_row
from parametrization.optimizers.registry import declared
from parametrization.rules.horizon import HorizonRow
from parametrization.rules.parametrization import Parametrization
from parametrization.rules.policies import Policies
from parametrization.rules.policy_numbers import FIXED_KV_INIT_EXPONENT
from parametrization.rules.row import Row
from parametrization.scaling.multipliers import Multipliers
from parametrization.shapes.roles import Role, TensorShape


class TensorRules(NamedTuple):
    """One tensor, how much it grows, and the rules in force for it."""

    tensor: TensorShape
    optimizer: OptimizerDeclaration
    is_mup: bool
    policies: Policies
    mults: Multipliers
    row: Row
    horizon: HorizonRow
    target: tuple[int, ...] | None = None
    """The tensor's shape at the target, where the width multiplier does not give it."""

    @property
    def m_in(self) -> float:
        """Growth of the fan-in; 1 where it is fixed or there is none."""
        return self._along(self.tensor.fan_in_axes)

    @property
    def m_out(self) -> float:
        """Growth of the fan-out; 1 where it is fixed or there is none."""
        return self._along(self.tensor.fan_out_axes)

    @property
    def depth(self) -> float:
        """Growth of the depth as this tensor sees it: 1 outside residual blocks."""
        return self.mults.depth if self.tensor.in_block and self.is_mup else 1.0

    @property
    def target_shape(self) -> tuple[int, ...]:
        """The tensor's shape at the target."""
        return self.tensor.shape_at(self.mults.width) if self.target is None else self.target

    def _along(self, axes: tuple[int, ...]) -> float:
        if self.target is not None:
            grown = [axis for axis in axes if self.tensor.infinite[axis]]
            at_base = self.tensor.size_along(tuple(grown))
            return math.prod(self.target[axis] for axis in grown) / at_base
        return float(self.mults.width ** sum(self.tensor.infinite[axis] for axis in axes))


def rules_of(
    tensor: TensorShape,
    optimizer: str,
    parametrization: Parametrization,
    policies: Policies,
    mults: Multipliers,
    target: tuple[int, ...] | None = None,
) -> TensorRules:
    """Look up the rules in force.

    Raises:
        ValueError: if no rule covers this optimizer, role or horizon.

    """
    return TensorRules(
        tensor,
        declared(optimizer),
        parametrization is Parametrization.MUP,
        policies,
        mults,
        _row_in_force(parametrization, optimizer, tensor.role, policies),
        horizon_row(policies.horizon_rule, optimizer, mults.batch, mults.tokens),
        target,
    )


def _row_in_force(
    parametrization: Parametrization, optimizer: str, role: Role, policies: Policies
) -> Row:
    row = width_row(parametrization, optimizer, role)
    if parametrization is not Parametrization.MUP:
        return row
    if by_policy := declared(optimizer).policy_rows:
        chosen = by_policy.by_choice.get(policies.choices[by_policy.policy], {}).get(role, row)
        assert isinstance(chosen, Row)  # refused above otherwise: all tables refuse the same
        row = chosen
    if role is Role.GQA_KV:
        exponent = FIXED_KV_INIT_EXPONENT[policies.fixed_kv_init_rule]
        return row._replace(scaling=row.scaling._replace(init_std=exponent))
    return row
