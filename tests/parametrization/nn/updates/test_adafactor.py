import pytest
import torch

from parametrization.nn.updates.adafactor import ADAFACTOR
from tests.parametrization.nn.updates.trajectories import (
    largest_difference,
    moved,
    noisy_quadratic,
    ours,
    random,
    theirs,
)


@pytest.mark.parametrize("shape", [(5, 4), (4, 5), (6,), (3, 2, 4)])
@pytest.mark.parametrize("rate", [0.05, 0.5])  # the second is bounded by 1 / sqrt(step) from 4 on
@pytest.mark.parametrize("epsilon", [1e-8, 0.3])  # the second bounds second moments from below
def test_adafactor_equals_torch(shape: tuple[int, ...], rate: float, epsilon: float) -> None:
    start, gradient = random(*shape, seed=1), noisy_quadratic(*shape)
    hyper = {
        "learning_rate": rate,
        "beta2_decay": -0.7,
        "epsilon": epsilon,
        "smallest_size": 0.01,
        "clip_threshold": 1.1,
        "weight_decay": 0.1,
    }
    options = {
        "lr": rate,
        "beta2_decay": -0.7,
        "eps": (epsilon, 0.01),
        "d": 1.1,
        "weight_decay": 0.1,
    }
    mine = ours(ADAFACTOR, start, gradient, hyper)
    assert moved(mine, start) > 0.05
    assert largest_difference(mine, theirs(torch.optim.Adafactor, start, gradient, options)) < 1e-12
