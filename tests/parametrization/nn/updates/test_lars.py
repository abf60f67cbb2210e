"""LARS on vectors, which the paper rescales and libraries do not."""

import numpy as np
import torch
from torch import Tensor

from tests.parametrization.nn.updates.trajectories import (
    gradient_optimizer,
    largest_difference,
    moved,
    noisy_quadratic,
    ours,
    random,
    referenced,
)

HYPER = {"learning_rate": 3.0, "momentum": 0.8, "weight_decay": 0.3, "trust_coefficient": 0.01}
LARS = gradient_optimizer("lars")


def test_a_vector_is_rescaled_as_in_the_paper() -> None:
    start, gradient = random(6, seed=1), noisy_quadratic(6)
    velocity = np.zeros(6)

    def step_of(parameter: Tensor, gradient: Tensor, _step: int) -> Tensor:
        nonlocal velocity
        w, g = parameter.numpy(), gradient.numpy()
        local = 0.01 * np.linalg.norm(w) / (np.linalg.norm(g) + 0.3 * np.linalg.norm(w))
        velocity = 0.8 * velocity + 3.0 * local * (g + 0.3 * w)
        return torch.from_numpy(w - velocity)

    mine = ours(LARS, start, gradient, HYPER)
    assert moved(mine, start) > 0.1
    assert largest_difference(mine, referenced(step_of, start, gradient)) < 1e-13


def test_a_tensor_at_zero_moves_by_its_gradient() -> None:
    gradient = random(4, seed=2)
    hyper = {"learning_rate": 0.5, "momentum": 0.0}
    (after,) = ours(LARS, torch.zeros_like(gradient), lambda *_: gradient, hyper, steps=1)
    torch.testing.assert_close(after, -0.5 * gradient)
