"""Twenty-odd steps of an optimizer, ours and a library's, on gradients that depend on the weights.

The problem: 1/2 sum (w - target)^2 weighted per entry, plus noise that is fixed by the step, so
that two optimizers see the same gradients for as long as they agree and drift apart once they do
not.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from parametrization.nn.updates.registry import named
from parametrization.nn.updates.update import (
    AnyOptimizer,
    GradientOptimizer,
    Number,
    State,
)

STEPS = 25
Gradient = Callable[[Tensor, int], Tensor]


def random(*shape: int, seed: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """Standard normal numbers."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)


def noisy_quadratic(*shape: int, seed: int = 0) -> Gradient:
    """Gradient of the problem above at a parameter and a 0-based step."""
    target = random(*shape, seed=seed + 1)
    curvature = random(*shape, seed=seed + 2).square() + 0.1

    def gradient(parameter: Tensor, step: int) -> Tensor:
        noise = random(*shape, seed=1000 * (seed + 1) + step)
        return curvature * (parameter - target) + 0.5 * noise

    return gradient


def gradient_optimizer(name: str) -> GradientOptimizer:
    """The optimizer called `name`, which needs gradients alone."""
    optimizer = named(name)
    assert isinstance(optimizer, GradientOptimizer)
    return optimizer


def hyper_of(optimizer: AnyOptimizer, **given: Number) -> dict[str, Number]:
    """The declared defaults with some of them replaced."""
    assert given.keys() <= {"learning_rate", *optimizer.declaration.hyperparameters}
    return {**optimizer.declaration.defaults, **given}


def ours(
    optimizer: GradientOptimizer,
    start: Tensor,
    gradient: Gradient,
    given: Mapping[str, Number],
    *,
    steps: int = STEPS,
) -> list[Tensor]:
    """The parameter after each step."""
    hyper = hyper_of(optimizer, **given)
    parameter, state, visited = start, optimizer.init(start), []
    for step in range(steps):
        parameter, state = optimizer.update(parameter, gradient(parameter, step), state, hyper)
        visited.append(parameter)
    return visited


def theirs(
    library: Callable[..., Any],
    start: Tensor,
    gradient: Gradient,
    options: Mapping[str, Any],
    *,
    steps: int = STEPS,
) -> list[Tensor]:
    """The parameter after each step of a `torch.optim.Optimizer`."""
    parameter = torch.nn.Parameter(start.clone())
    optimizer = library([parameter], **options)
    visited = []
    for step in range(steps):
        parameter.grad = gradient(parameter.detach(), step)
        optimizer.step()
        visited.append(parameter.detach().clone())
    return visited


def referenced(
    step_of: Callable[[Tensor, Tensor, int], Tensor],
    start: Tensor,
    gradient: Gradient,
    *,
    steps: int = STEPS,
) -> list[Tensor]:
    """The parameter after each call of `step_of(parameter, gradient, 1-based step)`."""
    parameter, visited = start, []
    for step in range(steps):
        parameter = step_of(parameter, gradient(parameter, step), step + 1)
        visited.append(parameter)
    return visited


def largest_difference(left: list[Tensor], right: list[Tensor]) -> float:
    """Largest absolute difference anywhere along two trajectories of the same length."""
    assert len(left) == len(right)
    return max((a - b).abs().max().item() for a, b in zip(left, right, strict=True))


def moved(visited: list[Tensor], start: Tensor) -> float:
    """Largest change of an entry from start to end: guards against comparing two standstills."""
    return (visited[-1] - start).abs().max().item()


def stacked(states: list[State]) -> State:
    """States of trials as the state of a cohort."""
    return {name: torch.stack([state[name] for state in states]) for name in states[0]}
