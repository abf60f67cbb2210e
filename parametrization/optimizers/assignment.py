"""Assign optimizers to roles, with two learning rates where there are two kinds of step."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from parametrization.shapes.roles import Role, TensorShape

_COMPANION: Final = "adamw"


@dataclass(frozen=True, slots=True)
class Assignment:
    """Optimizers by role.

    Attributes:
        by_role: name of the optimizer of every role.
        lead: the optimizer whose learning rate is searched; all others run at that rate times
            `learning_rate_ratio`, a hyperparameter of its own.
        tables: of input tensors that are looked up, where that differs from other input tensors.
        companion: the optimizer beside the lead that has hyperparameters of its own; all others
            share those of the lead that they take.
        learning_rate_ratio: its default.

    """

    by_role: Mapping[Role, str]
    lead: str
    tables: str | None = None
    companion: str | None = None
    learning_rate_ratio: float = 1.0

    def __post_init__(self) -> None:
        """Refuse a table with holes, or whose lead trains nothing."""
        if missing := [role.value for role in Role if role not in self.by_role]:
            raise ValueError(f"no optimizer for role {', '.join(missing)}: name one")
        if self.lead not in self.by_role.values():
            raise ValueError(f"{self.lead} leads and trains no role: {dict(self.by_role)}")

    @property
    def optimizers(self) -> frozenset[str]:
        """Every optimizer that may train something."""
        return frozenset(self.by_role.values()) | ({self.tables} if self.tables else frozenset())

    def optimizer_of(self, tensor: TensorShape) -> str:
        """Name of the optimizer that trains the tensor."""
        if self.tables is not None and tensor.role is Role.INPUT and tensor.is_table:
            return self.tables
        return self.by_role[tensor.role]


def everywhere(optimizer: str) -> Assignment:
    """One optimizer for all tensors."""
    return Assignment(dict.fromkeys(Role, optimizer), optimizer)


def matrices_with(matrix_optimizer: str) -> Assignment:
    """A matrix optimizer on hidden matrices, AdamW on everything else."""
    by_role = dict.fromkeys(Role, _COMPANION) | {Role.HIDDEN: matrix_optimizer}
    return Assignment(by_role, matrix_optimizer, companion=_COMPANION)


def linear_maps_with(matrix_optimizer: str) -> Assignment:
    """A matrix optimizer on every Linear and convolution between wide or finite sides, else AdamW.

    Lookup tables, routers and maps to fixed widths inside the model are AdamW's.
    """
    maps = dict.fromkeys((Role.INPUT, Role.HIDDEN, Role.OUTPUT), matrix_optimizer)
    by_role = dict.fromkeys(Role, _COMPANION) | maps
    return Assignment(by_role, matrix_optimizer, tables=_COMPANION, companion=_COMPANION)
