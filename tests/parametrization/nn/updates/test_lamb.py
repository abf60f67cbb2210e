"""LAMB against Algorithm 2 written out in numpy.

pytorch_optimizer's Lamb is no oracle for it: it corrects the first moment only, clamps ||w|| at 10
and adds epsilon to the step's norm.
"""

import numpy as np
import pytest
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

LAMB = gradient_optimizer("lamb")
HYPER = {
    "learning_rate": 0.05,
    "beta1": 0.8,
    "beta2": 0.97,
    "epsilon": 1e-3,
    "weight_decay": 0.3,
}


@pytest.mark.parametrize("shape", [(5, 4), (6,)])
def test_lamb_equals_algorithm_2(shape: tuple[int, ...]) -> None:
    start, gradient = random(*shape, seed=1), noisy_quadratic(*shape)
    m, v = np.zeros(shape), np.zeros(shape)

    def step_of(parameter: Tensor, gradient: Tensor, step: int) -> Tensor:
        nonlocal m, v
        w, g = parameter.numpy(), gradient.numpy()
        m, v = 0.8 * m + 0.2 * g, 0.97 * v + 0.03 * g**2
        r = m / (1 - 0.8**step) / (np.sqrt(v / (1 - 0.97**step)) + 1e-3)
        update = r + 0.3 * w
        return torch.from_numpy(w - 0.05 * np.linalg.norm(w) / np.linalg.norm(update) * update)

    mine = ours(LAMB, start, gradient, HYPER)
    assert moved(mine, start) > 0.1
    assert largest_difference(mine, referenced(step_of, start, gradient)) < 1e-13


def test_the_relative_change_is_the_learning_rate() -> None:
    start, gradient = random(5, 4, seed=1), noisy_quadratic(5, 4)
    (after,) = ours(LAMB, start, gradient, {"learning_rate": 0.125}, steps=1)
    relative = torch.linalg.norm(after - start) / torch.linalg.norm(start)
    assert relative.item() == pytest.approx(0.125, rel=1e-12)


def test_a_tensor_at_zero_leaves_it() -> None:
    start = torch.zeros(5, 4, dtype=torch.float64)
    (after,) = ours(LAMB, start, noisy_quadratic(5, 4), {"learning_rate": 0.125}, steps=1)
    assert (after.abs() > 0.1).all()
