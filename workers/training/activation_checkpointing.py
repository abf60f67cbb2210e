"""Activation checkpointing: a block's inside is computed again when its gradient is.

Source: Chen et al. 2016, arXiv:1604.06174; torch's non-reentrant form, which hooks survive.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial

from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.utils.checkpoint import checkpoint


def recompute_blocks(model: nn.Module) -> None:
    """Keep of every block its input alone; in place, parameters and their names unchanged."""
    for block in blocks(model):
        block.forward = partial(
            checkpoint,
            block.forward,
            use_reentrant=False,
            context_fn=partial(_first_and_second_pass, block),
        )


def _first_and_second_pass(
    block: nn.Module,
) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    return nullcontext(), _untracked(block)


@contextmanager
def _untracked(block: nn.Module) -> Iterator[None]:
    """Running statistics have counted this batch in the first pass: the second moves copies."""
    norms = [part for part in block.modules() if isinstance(part, _NormBase)]
    kept = [dict(norm.named_buffers(recurse=False)) for norm in norms]
    for norm, buffers in zip(norms, kept, strict=True):
        for name, buffer in buffers.items():
            setattr(norm, name, buffer.clone())
    try:
        yield
    finally:
        for norm, buffers in zip(norms, kept, strict=True):
            for name, buffer in buffers.items():
                setattr(norm, name, buffer)


def blocks(model: nn.Module) -> Iterator[nn.Module]:
    """The members of the model's outermost sequences, which is how families here repeat a block."""
    for child in model.children():
        if isinstance(child, nn.Sequential | nn.ModuleList):
            yield from child
        else:
            yield from blocks(child)
