"""Record layers' inputs and output gradients in training, which K-FAC and EKFAC need.

Layers whose weight many rows share (positions of a sequence, patches of an image) are treated as
in Eschenhagen et al. 2023, arXiv:2311.00636, "expand": every row counts by itself, and the rows of
one prediction add up. For convolutions that is Grosse & Martens 2016, arXiv:1602.01407, section 3.
"""

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from parametrization.nn.layers import WithMultiplier
from parametrization.nn.updates.update import LayerSignals


class Rows(NamedTuple):
    """One backward pass through one layer."""

    inputs: Tensor
    """[rows, fan_in]: the layer's inputs, which the weight multiplies."""
    gradients: Tensor
    """[rows, fan_out]: gradients of the mean loss by the layer's outputs."""


Signals: TypeAlias = dict[nn.Module, LayerSignals]


@contextmanager
def recorded_signals(
    layers: Iterable[nn.Module], predictions: int | None = None
) -> Iterator[Signals]:
    """Record every forward pass whose gradient is computed inside; several add up.

    The yielded mapping is filled when the context ends, with layers that got a gradient. What an
    activation checkpoint computes again is not counted twice.

    Args:
        layers: as `refusal` lets them be.
        predictions: that the losses' mean is over, microbatches together; it sets the size of a
            step, not its direction. Default: the fewest rows that any layer saw, right where the
            readout is called once a prediction.

    """
    seen: dict[nn.Module, list[Rows]] = {layer: [] for layer in layers}

    def record(layer: nn.Module, arguments: tuple[Tensor, ...], output: Tensor) -> None:
        if output.requires_grad:
            inputs = arguments[0].detach()

            def keep(gradient: Tensor) -> None:
                seen[layer].append(_rows(layer, inputs, gradient))

            output.register_hook(keep)  # type: ignore[no-untyped-call]  # torch leaves it untyped

    signals: Signals = {}
    handles = [layer.register_forward_hook(record) for layer in seen]
    try:
        yield signals
    finally:
        for handle in handles:
            handle.remove()
    counts = {layer: sum(len(rows.inputs) for rows in parts) for layer, parts in seen.items()}
    fewest = min((count for count in counts.values() if count), default=1)
    for layer, parts in seen.items():
        if parts:
            signals[layer] = _signals(parts, fewest if predictions is None else predictions)


def refusal(layer: nn.Module) -> str | None:
    """Reason that the layer's weight is not one matrix multiplying rows; None if it is."""
    if isinstance(layer, nn.Linear):
        return None
    if not isinstance(layer, nn.Conv2d):
        return f"a {type(layer).__name__} is neither a Linear nor a Conv2d"
    if layer.groups != 1:
        return f"a convolution in {layer.groups} groups is several matrices"
    if layer.padding_mode != "zeros" or isinstance(layer.padding, str):
        return f"padding {layer.padding!r} of mode {layer.padding_mode} is not recorded"
    return None


def _rows(layer: nn.Module, inputs: Tensor, gradient: Tensor) -> Rows:
    factor = layer.multiplier if isinstance(layer, WithMultiplier) else 1.0
    if isinstance(layer, nn.Conv2d):
        assert not isinstance(layer.padding, str)
        patches = functional.unfold(
            inputs, layer.kernel_size, layer.dilation, layer.padding, layer.stride
        )
        inputs, gradient = patches.mT, gradient.flatten(2).mT
    weight = layer.weight
    assert isinstance(weight, Tensor)
    return Rows(
        factor * inputs.flatten(0, -2).to(weight.dtype), gradient.flatten(0, -2).to(weight.dtype)
    )


def _signals(parts: list[Rows], predictions: int) -> LayerSignals:
    """Rows of all passes, each with the gradient of its own prediction's loss."""
    inputs = torch.cat([rows.inputs for rows in parts])
    gradients = torch.cat([rows.gradients for rows in parts])
    return LayerSignals(
        inputs=inputs * math.sqrt(len(inputs) / predictions),
        output_gradients=gradients * predictions,
    )
