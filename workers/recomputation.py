"""Activation checkpointing: a block's inside is computed again when its gradient is.

Source: Chen et al. 2016, arXiv:1604.06174; torch's non-reentrant form, which hooks survive.
"""

from collections.abc import Iterator
from functools import partial

from torch import nn
from torch.utils.checkpoint import checkpoint


def recompute_blocks(model: nn.Module) -> None:
    """Keep of every block its input alone; in place, parameters and their names unchanged."""
    for block in blocks(model):
        block.forward = partial(checkpoint, block.forward, use_reentrant=False)


def blocks(model: nn.Module) -> Iterator[nn.Module]:
    """The members of the model's outermost sequences, which is how families here repeat a block."""
    for child in model.children():
        if isinstance(child, nn.Sequential | nn.ModuleList):
            yield from child
        else:
            yield from blocks(child)
