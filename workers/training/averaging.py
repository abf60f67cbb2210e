"""An exponential moving average of a trial's weights, whose memory is a share of training.

The mean is corrected for its start as Adam's is: after the first update it is the weights of that
update.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn


def follow(
    averages: Sequence[Tensor], weights: Sequence[Tensor], *, kept: float, step: int
) -> None:
    """Take the weights after update number `step` (0-based) into their averages, in place.

    Args:
        kept: the decay.

    """
    newest = (1 - kept) / (1 - kept ** (step + 1))
    torch._foreach_lerp_(list(averages), [weight.detach() for weight in weights], newest)


@contextmanager
def averaged(model: nn.Module, averages: Sequence[Tensor] | None) -> Iterator[None]:
    """The model with the averages in place of its weights, where there are any."""
    if averages is None:
        yield
        return
    trained = [weight.detach().clone() for weight in model.parameters()]
    _put(model, averages)
    try:
        yield
    finally:
        _put(model, trained)


@torch.no_grad()
def _put(model: nn.Module, values: Sequence[Tensor]) -> None:
    for weight, value in zip(model.parameters(), values, strict=True):
        weight.copy_(value)
