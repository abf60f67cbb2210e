"""Which optimizer trains which role, with two learning rates where there are two kinds of step.

Pure: it names optimizers of registry.py and imports no torch.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from parametrization.shapes.roles import Role, TensorShape


@dataclass(frozen=True, slots=True)
class Assignment:
    """Optimizers by role.

    Attributes:
        by_role: name of the optimizer of every role.
        lead: the optimizer whose learning rate is searched; all others run at that rate times
            `learning_rate_ratio`, a hyperparameter of its own.
        tables: of input tensors that are looked up, where that differs from other input tensors.

    """

    by_role: Mapping[Role, str]
    lead: str
    tables: str | None = None

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
        """Who trains the tensor."""
        if self.tables is not None and tensor.role is Role.INPUT and tensor.is_table:
            return self.tables
        return self.by_role[tensor.role]


def everywhere(optimizer: str) -> Assignment:
    """One optimizer for all tensors."""
    return Assignment(dict.fromkeys(Role, optimizer), optimizer)


def matrices_with(matrix_optimizer: str, companion: str = "adamw") -> Assignment:
    """A matrix optimizer on hidden matrices, another one on everything else."""
    return Assignment(
        {**dict.fromkeys(Role, companion), Role.HIDDEN: matrix_optimizer}, matrix_optimizer
    )


def linear_maps_with(matrix_optimizer: str, companion: str = "adamw") -> Assignment:
    """One for every Linear and convolution between wide or finite sides, another for all else.

    Lookup tables, routers and maps to fixed widths inside the model are the other's.
    """
    maps = dict.fromkeys((Role.INPUT, Role.HIDDEN, Role.OUTPUT), matrix_optimizer)
    by_role = dict.fromkeys(Role, companion) | maps
    return Assignment(by_role, matrix_optimizer, tables=companion)


LARS: Final = Assignment(
    {
        **dict.fromkeys(Role, "lars"),
        **dict.fromkeys((Role.VECTOR, Role.SCALAR, Role.QK_NORM_GAIN, Role.FINAL_NORM), "sgd"),
    },
    lead="lars",
)
"""LARS on matrices, momentum SGD on biases and gains.

A bias starts at zero, where its trust ratio is 1 whatever the width, and then moves by a share of
almost nothing: its updates fall as width^-1.16. Published implementations leave both out of the
trust ratio (pytorch_optimizer, which the tests compare with, among them).
"""

SCION: Final = Assignment(
    {
        Role.INPUT: "scion_column",
        Role.HIDDEN: "scion_spectral",
        Role.OUTPUT: "scion_sign",  # the readout's forward pass has the 1 / fan_in
        Role.VECTOR: "scion_rms",
        Role.SCALAR: "scion_rms",
        Role.QK_NORM_GAIN: "scion_rms",
        Role.FINAL_NORM: "scion_rms",
        Role.MOE_ROUTER: "scion_sign",
        Role.FIXED_BOTTLENECK: "adamw",
        Role.GQA_KV: "adamw",
    },
    lead="scion_spectral",
)
"""Scion's own table; a ratio of 1, because its radii say how roles differ."""

MODULAR_NORM: Final = Assignment(
    {
        Role.INPUT: "modular_matrix",
        Role.HIDDEN: "modular_matrix",
        Role.OUTPUT: "modular_matrix",
        Role.VECTOR: "modular_vector",
        Role.SCALAR: "modular_vector",
        Role.QK_NORM_GAIN: "modular_vector",
        Role.FINAL_NORM: "modular_vector",
        Role.MOE_ROUTER: "modular_matrix",
        Role.FIXED_BOTTLENECK: "adamw",
        Role.GQA_KV: "adamw",
    },
    lead="modular_matrix",
    tables="modular_embedding",
)
"""The modular norm's own table; a ratio of 1, because its masses say how roles differ."""
