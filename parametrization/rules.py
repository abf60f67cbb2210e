"""Placeholder: see parametrization issue."""

from enum import StrEnum


class Parametrization(StrEnum):
    SP = "sp"  # standard: one learning rate for every tensor, at every width
    MUP = "mup"  # maximal update, Tensor Programs V, Table 8


class Optimizer(StrEnum):
    ADAM = "adam"
    ADAMW = "adamw"
    SGD = "sgd"
