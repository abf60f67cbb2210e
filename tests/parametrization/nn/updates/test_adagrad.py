import torch

from parametrization.nn.updates.adagrad import ADAGRAD
from tests.parametrization.nn.updates.trajectories import (
    largest_difference,
    moved,
    noisy_quadratic,
    ours,
    random,
    theirs,
)


def test_adagrad_equals_torch() -> None:
    start, gradient = random(5, 4, seed=1), noisy_quadratic(5, 4)
    hyper = {"learning_rate": 0.1, "epsilon": 1e-3, "initial_accumulator": 0.2}
    options = {"lr": 0.1, "eps": 1e-3, "initial_accumulator_value": 0.2}
    mine = ours(ADAGRAD, start, gradient, hyper)
    assert moved(mine, start) > 0.1
    assert largest_difference(mine, theirs(torch.optim.Adagrad, start, gradient, options)) < 1e-13
