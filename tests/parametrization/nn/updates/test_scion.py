"""Scion's spectral steps against singular values, in fp64, and its ball.

The reference replaces singular values by the iteration's polynomial of them.
"""

import math

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

HYPER = {"learning_rate": 0.05, "momentum": 0.8, "radius": 2.0, "epsilon": 1e-8}


@pytest.mark.parametrize("shape", [(5, 4), (4, 6), (5, 2, 3)])
def test_spectral_steps_are_singular_vectors_times_the_scale(shape: tuple[int, ...]) -> None:
    start, gradient = random(*shape, seed=1), noisy_quadratic(*shape)
    mean = torch.zeros(shape, dtype=torch.float64)
    scale = math.sqrt(shape[0] / shape[1]) / math.prod(shape[2:])

    def step_of(parameter: Tensor, g: Tensor, _step: int) -> Tensor:
        nonlocal mean
        mean = mean + 0.2 * (g - mean)
        step = through_singular_values(mean.flatten(1)).view(shape)
        return parameter * 0.95 - 0.05 * 2.0 * scale * step

    mine = ours(
        gradient_optimizer("scion_spectral"), start, gradient, {**HYPER, "weight_decay": 1.0}
    )
    assert moved(mine, start) > 0.1
    assert largest_difference(mine, referenced(step_of, start, gradient)) < 1e-12


def test_a_constrained_parameter_enters_its_ball_and_stays() -> None:
    start = 10 * random(5, 4, seed=1)
    hyper = {**HYPER, "learning_rate": 0.2, "weight_decay": 1.0}
    visited = ours(gradient_optimizer("scion_sign"), start, noisy_quadratic(5, 4), hyper, steps=60)
    assert start.abs().max() > 2.0
    assert visited[-1].abs().max() <= 2.0 + 1e-3
