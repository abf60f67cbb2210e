"""Shampoo against pytorch_optimizer and against dense fp64 references.

The library adds squares up (beta2 = 1), has the exponents 1/4 only, and its momentum feeds the
preconditioned gradient back in (Gupta et al. average plain gradients): it is compared without
momentum; averages, exponents 1/2 and grafting are compared with references straight from the
papers, whose roots scipy's Schur method takes.
"""

from typing import cast

import numpy as np
import pytest
import torch
from pytorch_optimizer import Shampoo
from scipy.linalg import fractional_matrix_power
from torch import Tensor

from parametrization.nn.updates.shampoo import SHAMPOO_GRAFTED, SHAMPOO_HALF, SHAMPOO_QUARTER
from parametrization.nn.updates.update import GradientOptimizer
from tests.parametrization.nn.updates.trajectories import (
    completed,
    largest_difference,
    moved,
    noisy_quadratic,
    ours,
    random,
    referenced,
)
from tests.parametrization.nn.updates.trajectories import theirs as library_steps

SHAPE = (5, 4)


def test_shampoo_with_sums_equals_pytorch_optimizer() -> None:
    start, gradient = random(*SHAPE, seed=1), noisy_quadratic(*SHAPE)
    hyper = {"learning_rate": 0.1, "beta1": 0.0, "beta2": 1.0, "epsilon": 1e-3}
    mine = ours(SHAMPOO_QUARTER, start, gradient, hyper)
    library = library_steps(Shampoo, start, gradient, {"lr": 0.1, "matrix_eps": 1e-3})
    assert moved(mine, start) > 0.1
    assert largest_difference(mine, library) < 1e-12


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
    ("optimizer", "power", "grafted"),
    [(SHAMPOO_QUARTER, 1 / 4, False), (SHAMPOO_HALF, 1 / 2, False), (SHAMPOO_GRAFTED, 1 / 4, True)],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_shampoo_with_averages_equals_dense_matrix_powers(
    optimizer: GradientOptimizer, power: float, grafted: bool
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
    mine = ours(optimizer, start, gradient, hyper)
    reference = referenced(Reference(power, grafted=grafted).step_of, start, gradient)
    assert moved(mine, start) > 0.1
    assert largest_difference(mine, reference) < 1e-10


def test_between_refreshes_the_roots_are_those_of_the_last_refresh() -> None:
    start, gradient = random(*SHAPE, seed=1), noisy_quadratic(*SHAPE)
    hyper = completed(SHAMPOO_QUARTER, {"learning_rate": 0.05, "epsilon": 1e-3})
    between = SHAMPOO_QUARTER.update_between_refreshes
    assert between is not None
    parameter, first = SHAMPOO_QUARTER.update(
        start, gradient(start, 0), SHAMPOO_QUARTER.init(start), hyper
    )
    _, reused = between(parameter, gradient(parameter, 1), first, hyper)
    _, refreshed = SHAMPOO_QUARTER.update(parameter, gradient(parameter, 1), first, hyper)
    assert torch.equal(reused["left_root"], first["left_root"])
    assert torch.equal(reused["left"], refreshed["left"])
    assert not torch.equal(reused["left_root"], refreshed["left_root"])


def test_a_zero_gradient_is_a_zero_step_when_grafted() -> None:
    start = random(*SHAPE, seed=1)
    (after,) = ours(
        SHAMPOO_GRAFTED, start, lambda w, _: torch.zeros_like(w), {"learning_rate": 1.0}, steps=1
    )
    assert torch.equal(after, start)
