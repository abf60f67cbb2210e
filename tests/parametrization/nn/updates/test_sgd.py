from typing import Any

import pytest
import torch

from parametrization.nn.updates.sgd import SGD, SGD_MOMENTUM, SGD_NESTEROV
from parametrization.nn.updates.update import GradientOptimizer
from tests.parametrization.nn.updates.trajectories import (
    largest_difference,
    moved,
    noisy_quadratic,
    ours,
    random,
    theirs,
)

CASES = [
    (SGD, {}, {}),
    (SGD, {"weight_decay": 0.1}, {"weight_decay": 0.1}),
    (SGD_MOMENTUM, {}, {"momentum": 0.9}),
    (SGD_MOMENTUM, {"momentum": 0.7, "weight_decay": 0.1}, {"momentum": 0.7, "weight_decay": 0.1}),
    (SGD_NESTEROV, {"weight_decay": 0.1}, {"momentum": 0.9, "weight_decay": 0.1, "nesterov": True}),
]


@pytest.mark.parametrize(("optimizer", "hyper", "options"), CASES)
def test_sgd_equals_torch(
    optimizer: GradientOptimizer, hyper: dict[str, float], options: dict[str, Any]
) -> None:
    start, gradient = random(5, 4, seed=1), noisy_quadratic(5, 4)
    mine = ours(optimizer, start, gradient, {"learning_rate": 0.03, **hyper})
    torchs = theirs(torch.optim.SGD, start, gradient, {"lr": 0.03, **options})
    assert moved(mine, start) > 0.1
    assert largest_difference(mine, torchs) < 1e-13
