"""Steps of unit norm that descend most along a gradient, for norms of a layer's effect.

Source: Pethick et al. 2025, arXiv:2502.07529, Tables 2-4 (linear minimisation oracles); Bernstein &
Newhouse 2024, arXiv:2410.21265 (duality maps). All are of degree 0. Shapes are [fan_out, fan_in,
*kernel]; a step's size is stated for inputs of RMS 1.
"""

import math
from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from parametrization.nn.updates.matrices.newton_schulz import orthogonalised
from parametrization.nn.updates.update import Number

DualStep: TypeAlias = Callable[[Tensor, Number], Tensor]
"""(gradient, epsilon) -> step."""


def spectral(gradient: Tensor, epsilon: Number) -> Tensor:
    """Changes outputs by RMS 1: sqrt(out / in) U V^T; a kernel is one matrix of its patches."""
    fan_out, fan_in, *kernel = gradient.shape
    step = orthogonalised(gradient.flatten(1), epsilon).reshape(gradient.shape)
    return step * (math.sqrt(fan_out / fan_in) / math.prod(kernel))


def spectral_per_tap(gradient: Tensor, epsilon: Number) -> Tensor:
    """As `spectral`, but every position of a convolution's kernel is a matrix of its own."""
    fan_out, fan_in, *kernel = gradient.shape
    taps = gradient.flatten(2) if kernel else gradient.unsqueeze(-1)
    steps = orthogonalised(taps.movedim(-1, 0), epsilon).movedim(0, -1)
    return steps.reshape(gradient.shape) * (math.sqrt(fan_out / fan_in) / math.prod(kernel))


def column_rms(gradient: Tensor, epsilon: Number) -> Tensor:
    """Every input's outgoing weights, one token's embedding, change by RMS 1."""
    return gradient / (gradient.square().mean(0, keepdim=True).sqrt() + epsilon)


def rms(gradient: Tensor, epsilon: Number) -> Tensor:
    """A vector that changes by RMS 1."""
    return gradient / (gradient.square().mean().sqrt() + epsilon)


def sign(gradient: Tensor, _epsilon: Number) -> Tensor:
    """Every entry changes by 1: for a readout whose forward pass already divides by its fan-in."""
    return torch.sign(gradient)
