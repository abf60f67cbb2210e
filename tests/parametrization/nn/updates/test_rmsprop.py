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


def test_l2_in_the_gradient_is_refused() -> None:
    with pytest.raises(ValueError, match=r"rmsprop: weight_decay=0\.1: L2 in the gradient"):
        RMSPROP.complete({"learning_rate": 0.1, "weight_decay": 0.1})
