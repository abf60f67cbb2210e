import torch

from tests.parametrization.nn.updates.trajectories import (
    gradient_optimizer,
    noisy_quadratic,
    ours,
    random,
)


def test_every_entry_moves_by_the_learning_rate() -> None:
    start, gradient = random(5, 4, seed=1), noisy_quadratic(5, 4)
    (after,) = ours(gradient_optimizer("lion"), start, gradient, {"learning_rate": 0.25}, steps=1)
    torch.testing.assert_close((after - start).abs(), torch.full_like(start, 0.25))
