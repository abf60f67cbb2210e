"""The two parametrizations whose rules are known."""

from enum import StrEnum


class Parametrization(StrEnum):
    SP = "sp"  # standard: one learning rate for every tensor, at every width
    MUP = "mup"  # maximal update, Tensor Programs V, Table 8
