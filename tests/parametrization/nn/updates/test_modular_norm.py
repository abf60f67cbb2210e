"""Modular-norm descent: each atom's step against exact duality written out, and its law.

The authors' code is no installable package; the references are their formulas in numpy: per kernel
position U V^T sqrt(out / in) / k^2 for matrices, columns at RMS 1 for embeddings, vectors at RMS 1.
"""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from tests.parametrization.nn.updates.test_muon import through_singular_values
from tests.parametrization.nn.updates.trajectories import (
    gradient_optimizer,
    largest_difference,
    moved,
    noisy_quadratic,
    ours,
    random,
    referenced,
)

HYPER = {
    "learning_rate": 0.1,
    "momentum": 0.8,
    "mass_share": 0.5,
    "epsilon": 0.0,
    "weight_decay": 0.3,
}


def matrix_step(mean: Tensor) -> Tensor:
    step = torch.empty_like(mean)
    taps = math.prod(mean.shape[2:])
    flat_mean, flat_step = mean.flatten(2), step.flatten(2)
    for tap in range(taps):
        flat_step[:, :, tap] = through_singular_values(flat_mean[:, :, tap])
    scaled: Tensor = flat_step * (math.sqrt(mean.shape[0] / mean.shape[1]) / taps)
    return scaled.view(mean.shape)


def column_step(mean: Tensor) -> Tensor:
    scaled: Tensor = mean / mean.norm(dim=0) * math.sqrt(mean.shape[0])
    return scaled


def vector_step(mean: Tensor) -> Tensor:
    scaled: Tensor = mean / mean.norm() * math.sqrt(len(mean))
    return scaled


@pytest.mark.parametrize(
    ("name", "shape", "unit_step"),
    [
        ("modular_matrix", (5, 4), lambda mean: matrix_step(mean.unsqueeze(-1)).squeeze(-1)),
        ("modular_matrix", (4, 6, 2, 2), matrix_step),
        ("modular_embedding", (5, 4), column_step),
        ("modular_vector", (6,), vector_step),
    ],
)
def test_each_atom_takes_its_unit_step(
    name: str, shape: tuple[int, ...], unit_step: Callable[[Tensor], Tensor]
) -> None:
    start, gradient = random(*shape, seed=1), noisy_quadratic(*shape)
    mean = torch.zeros(shape, dtype=torch.float64)

    def step_of(parameter: Tensor, g: Tensor, _step: int) -> Tensor:
        nonlocal mean
        mean = 0.8 * mean + 0.2 * g
        return parameter * (1 - 0.1 * 0.3) - 0.1 * 0.5 * unit_step(mean)

    mine = ours(gradient_optimizer(name), start, gradient, HYPER)
    assert moved(mine, start) > 0.1
    assert largest_difference(mine, referenced(step_of, start, gradient)) < 1e-12


@pytest.mark.parametrize("shape", [(64, 16), (16, 64), (128, 128)])
def test_a_matrix_step_changes_no_output_by_more_than_its_share(shape: tuple[int, int]) -> None:
    """Newton-Schulz ends within 0.7 to 1.2 of 1, hence the factor 1.21 and the floor."""
    hyper = {"learning_rate": 0.1, "momentum": 0.0, "mass_share": 0.5}
    (after,) = ours(
        gradient_optimizer("modular_matrix"),
        torch.zeros(shape),
        lambda *_: random(*shape, seed=2).float(),
        hyper,
        steps=1,
    )
    inputs = random(shape[1], 200, seed=3).float()
    inputs = inputs / inputs.square().mean(0).sqrt()
    outputs = (after @ inputs).square().mean(0).sqrt()
    assert outputs.max() < 1.21 * 0.1 * 0.5
    norm = torch.linalg.matrix_norm(after, 2) * math.sqrt(shape[1] / shape[0])
    assert 0.65 * 0.05 < norm.item() < 1.21 * 0.05
