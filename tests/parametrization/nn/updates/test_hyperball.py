"""Hyperball against its published rule, with the steps of torch's own Adam and Muon in it."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.parametrization.nn.updates.trajectories import (
    gradient_optimizer,
    largest_difference,
    moved,
    noisy_quadratic,
    ours,
    random,
    referenced,
)

RATE = 0.05
ADAM = {"beta1": 0.8, "beta2": 0.97, "epsilon": 1e-3}


def adams(parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    return torch.optim.Adam(parameters, lr=1.0, betas=(0.8, 0.97), eps=1e-3)


def muons(parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    return torch.optim.Muon(parameters, lr=1.0, momentum=0.9, weight_decay=0.0)


def normalised(tensor: Tensor) -> Tensor:
    norm: Tensor = torch.linalg.matrix_norm(tensor)
    return tensor / norm


CASES: list[tuple[str, dict[str, float], Callable[..., torch.optim.Optimizer], float]] = [
    ("adamh", ADAM, adams, 1e-13),
    # torch's Newton-Schulz iteration has other coefficients, and runs in bfloat16
    ("muonh", {"momentum": 0.9}, muons, 5e-2),
]


@pytest.mark.parametrize(("name", "hyper", "base", "tolerance"), CASES, ids=["adamh", "muonh"])
def test_a_step_is_the_published_one(
    name: str, hyper: dict[str, float], base: Callable[..., Any], tolerance: float
) -> None:
    """The rule of arXiv:2606.16899: w <- R normalised(w - rate R normalised(u))."""
    start, gradient = random(6, 4, seed=1), noisy_quadratic(6, 4)
    radius: Tensor = torch.linalg.matrix_norm(start)
    followed = nn.Parameter(torch.zeros_like(start))
    library = base([followed])

    def step_of(parameter: Tensor, gradient: Tensor, step: int) -> Tensor:
        before = followed.detach().clone()
        followed.grad = gradient
        library.step()
        direction = before - followed.detach()  # u: the base optimizer's own step
        return radius * normalised(parameter - RATE * radius * normalised(direction))

    mine = ours(gradient_optimizer(name), start, gradient, {"learning_rate": RATE, **hyper})
    assert moved(mine, start) > 0.1
    assert largest_difference(mine, referenced(step_of, start, gradient)) < tolerance


@pytest.mark.parametrize("name", ["adamh", "muonh"])
def test_the_norm_of_a_matrix_stays_that_of_its_start(name: str) -> None:
    start, gradient = random(5, 7, seed=3), noisy_quadratic(5, 7)
    norms = [
        torch.linalg.matrix_norm(after)
        for after in ours(gradient_optimizer(name), start, gradient, {"learning_rate": 0.3})
    ]
    assert torch.stack(norms).allclose(torch.linalg.matrix_norm(start), rtol=1e-12)


@pytest.mark.parametrize("name", ["adamh", "muonh"])
def test_a_matrix_at_zero_stays_there_and_a_gradient_of_zero_moves_nothing(name: str) -> None:
    optimizer = gradient_optimizer(name)
    hyper = {"learning_rate": 0.3, **optimizer.declaration.defaults}
    zero, some = torch.zeros(3, 2, dtype=torch.float64), random(3, 2, seed=1)
    after, _ = optimizer.update(zero, some, optimizer.init(zero), hyper)
    assert torch.equal(after, zero)
    after, _ = optimizer.update(some, zero, optimizer.init(some), hyper)
    torch.testing.assert_close(after, some, rtol=1e-14, atol=0)
