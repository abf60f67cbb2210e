import torch
from pytorch_optimizer import Lion

from parametrization.nn.updates.lion import LION
from tests.parametrization.nn.updates.trajectories import (
    largest_difference,
    moved,
    noisy_quadratic,
    ours,
    random,
    theirs,
)


def test_lion_equals_pytorch_optimizer() -> None:
    start, gradient = random(5, 4, seed=1), noisy_quadratic(5, 4)
    mine = ours(LION, start, gradient, {"learning_rate": 0.03, "beta1": 0.8, "weight_decay": 0.3})
    options = {"lr": 0.03, "betas": (0.8, 0.99), "weight_decay": 0.3, "weight_decouple": True}
    library = theirs(Lion, start, gradient, options)
    assert moved(mine, start) > 0.1
    assert largest_difference(mine, library) < 1e-13


def test_every_entry_moves_by_the_learning_rate() -> None:
    start, gradient = random(5, 4, seed=1), noisy_quadratic(5, 4)
    (after,) = ours(LION, start, gradient, {"learning_rate": 0.25}, steps=1)
    torch.testing.assert_close((after - start).abs(), torch.full_like(start, 0.25))
