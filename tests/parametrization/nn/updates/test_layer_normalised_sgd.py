import math

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

LAYER_NORMALISED_SGD = gradient_optimizer("layer_normalised_sgd")
HYPER = {"learning_rate": 0.1, "beta2": 0.9, "epsilon": 1e-3, "weight_decay": 0.3}


def test_layer_normalised_sgd_equals_its_formula_written_out() -> None:
    """No library has it; the reference unrolls the average into a weighted sum of all norms."""
    start, gradient = random(5, 4, seed=1), noisy_quadratic(5, 4)
    squared_norms: list[float] = []

    def step_of(parameter: Tensor, g: Tensor, step: int) -> Tensor:
        squared_norms.append(float(np.linalg.norm(g.numpy()) ** 2))
        history = np.array(squared_norms) + 1e-3
        s = float(np.sum(0.1 * 0.9 ** np.arange(step - 1, -1, -1) * history))
        return parameter * (1 - 0.1 * 0.3) - 0.1 * g / math.sqrt(s)

    mine = ours(LAYER_NORMALISED_SGD, start, gradient, HYPER)
    assert moved(mine, start) > 0.1
    assert largest_difference(mine, referenced(step_of, start, gradient)) < 1e-13


def test_the_first_step_is_the_rate_over_the_root_of_one_minus_beta() -> None:
    start, gradient = random(5, 4, seed=1), noisy_quadratic(5, 4)
    hyper = {"learning_rate": 0.1, "beta2": 0.75, "epsilon": 0.0}
    (after,) = ours(LAYER_NORMALISED_SGD, start, gradient, hyper, steps=1)
    assert torch.linalg.norm(after - start).item() == pytest.approx(0.2, rel=1e-12)
