import pytest
import torch

from parametrization.nn.updates.rmsprop import RMSPROP
from tests.parametrization.nn.updates.trajectories import (
    largest_difference,
    moved,
    noisy_quadratic,
    ours,
    random,
    theirs,
)


@pytest.mark.parametrize("momentum", [0.0, 0.8])
def test_rmsprop_equals_torch(momentum: float) -> None:
    start, gradient = random(5, 4, seed=1), noisy_quadratic(5, 4)
    hyper = {"learning_rate": 0.02, "beta2": 0.9, "epsilon": 1e-3, "momentum": momentum}
    options = {"lr": 0.02, "alpha": 0.9, "eps": 1e-3, "momentum": momentum}
    mine = ours(RMSPROP, start, gradient, hyper)
    assert moved(mine, start) > 0.1
    assert largest_difference(mine, theirs(torch.optim.RMSprop, start, gradient, options)) < 1e-13
