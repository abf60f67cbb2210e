"""Shampoo with averages, exponents 1/2 and grafting against dense fp64 references.

The references come straight from the papers; scipy's Schur method takes their roots.
"""

from typing import cast

import numpy as np
import pytest
import torch
from scipy.linalg import fractional_matrix_power
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

SHAPE = (5, 4)


class Reference:
    """Shampoo with averages, as Shi et al. write it, on numpy arrays."""

    def __init__(self, power: float, *, grafted: bool) -> None:
        self.power, self.grafted = power, grafted
        self.mean, self.square = np.zeros(SHAPE), np.zeros(SHAPE)
        self.left, self.right = np.zeros((5, 5)), np.zeros((4, 4))

    def direction(self, g: np.ndarray, step: int) -> np.ndarray:
        first, second = 1 - 0.8**step, 1 - 0.9**step
        self.mean = 0.8 * self.mean + 0.2 * g
        self.left = 0.9 * self.left + 0.1 * g @ g.T
        self.right = 0.9 * self.right + 0.1 * g.T @ g
        left = fractional_matrix_power(self.left / second + 1e-3 * np.eye(5), -self.power)
        right = fractional_matrix_power(self.right / second + 1e-3 * np.eye(4), -self.power)
        shampoos = left @ (self.mean / first) @ right
        if not self.grafted:
            return cast(np.ndarray, shampoos)
        self.square = 0.9 * self.square + 0.1 * g**2
        adams = self.mean / first / (np.sqrt(self.square / second) + 1e-2)
        return cast(np.ndarray, shampoos * np.linalg.norm(adams) / np.linalg.norm(shampoos))

    def step_of(self, parameter: Tensor, g: Tensor, step: int) -> Tensor:
        return parameter * (1 - 0.05 * 0.3) - 0.05 * torch.from_numpy(
            self.direction(g.numpy(), step)
        )


@pytest.mark.parametrize(
    ("name", "power", "grafted"),
    [
        ("shampoo_quarter", 1 / 4, False),
        ("shampoo_half", 1 / 2, False),
        ("shampoo_grafted", 1 / 4, True),
    ],
)
def test_shampoo_with_averages_equals_dense_matrix_powers(
    name: str, power: float, grafted: bool
) -> None:
    start, gradient = random(*SHAPE, seed=1), noisy_quadratic(*SHAPE)
    hyper = {
        "learning_rate": 0.05,
        "beta1": 0.8,
        "beta2": 0.9,
        "epsilon": 1e-3,
        "weight_decay": 0.3,
        **({"epsilon_graft": 1e-2} if grafted else {}),
    }
    mine = ours(gradient_optimizer(name), start, gradient, hyper)
    reference = referenced(Reference(power, grafted=grafted).step_of, start, gradient)
    assert moved(mine, start) > 0.1
    assert largest_difference(mine, reference) < 1e-10


def test_a_zero_gradient_is_a_zero_step_when_grafted() -> None:
    start = random(*SHAPE, seed=1)
    (after,) = ours(
        gradient_optimizer("shampoo_grafted"),
        start,
        lambda w, _: torch.zeros_like(w),
        {"learning_rate": 1.0},
        steps=1,
    )
    assert torch.equal(after, start)
