"""The parametrizations whose rules are known: muP, and the standard ones it is compared with."""

from enum import StrEnum


class Parametrization(StrEnum):
    SP = "sp"  # standard: one learning rate for every tensor, at every width
    SP_EMBEDDING = "sp+embedding"
    """Standard, but for the embedding's learning rate, which is larger than that of the hidden
    matrices by as much as under muP: by the width multiplier, for Adam (Kalra & Barkeshli 2026,
    arXiv:2605.21486)."""
    MUP = "mup"  # maximal update, Tensor Programs V, Table 8
