import torch

from parametrization.nn.updates.adam import ADAM, ADAMW
from tests.parametrization.nn.updates.trajectories import (
    largest_difference,
    moved,
    noisy_quadratic,
    ours,
    random,
    theirs,
)

BETAS = {"beta1": 0.8, "beta2": 0.97, "epsilon": 1e-4}
OPTIONS = {"betas": (0.8, 0.97), "eps": 1e-4}


def test_adam_equals_torch() -> None:
    start, gradient = random(5, 4, seed=1), noisy_quadratic(5, 4)
    mine = ours(ADAM, start, gradient, {"learning_rate": 0.03, **BETAS})
    torchs = theirs(torch.optim.Adam, start, gradient, {"lr": 0.03, **OPTIONS})
    assert moved(mine, start) > 0.1
    assert largest_difference(mine, torchs) < 1e-13


def test_adamw_equals_torch() -> None:
    start, gradient = random(5, 4, seed=1), noisy_quadratic(5, 4)
    mine = ours(ADAMW, start, gradient, {"learning_rate": 0.03, "weight_decay": 0.3, **BETAS})
    torchs = theirs(
        torch.optim.AdamW, start, gradient, {"lr": 0.03, "weight_decay": 0.3, **OPTIONS}
    )
    assert moved(mine, start) > 0.1
    assert largest_difference(mine, torchs) < 1e-13
