"""Schedule-free AdamW against pytorch_optimizer and against Algorithm 1 in its own variables.

The library adds 1e-15 to second moments before the root; at their size here that is below 1e-10.
"""

import pytest
import torch
from pytorch_optimizer import ScheduleFreeAdamW
from torch import Tensor

from parametrization.nn.updates.schedule_free import (
    evaluation_point,
    init,
    update,
)
from tests.parametrization.nn.updates.trajectories import (
    STEPS,
    gradient_optimizer,
    noisy_quadratic,
    ours,
    random,
)

HYPER = {
    "learning_rate": 0.05,
    "beta1": 0.8,
    "beta2": 0.97,
    "epsilon": 1e-4,
    "weight_decay": 0.3,
}


def test_the_evaluation_point_equals_the_library_in_evaluation_mode() -> None:
    start, gradient = random(5, 4, seed=1), noisy_quadratic(5, 4)
    parameter, state = start, init(start)
    weights = torch.nn.Parameter(start.clone())
    library = ScheduleFreeAdamW([weights], lr=0.05, betas=(0.8, 0.97), eps=1e-4, weight_decay=0.3)
    for step in range(STEPS):
        weights.grad = gradient(weights.detach(), step)
        library.step()
        parameter, state = update(parameter, gradient(parameter, step), state, HYPER)
    library.eval()  # type: ignore[no-untyped-call]  # shipped without annotations
    point = evaluation_point(parameter, state, HYPER)
    assert (point - weights.detach()).abs().max() < 1e-10
    assert (point - parameter).abs().max() > 1e-3


@pytest.mark.parametrize("warmup", [1, 10])
def test_iterates_and_averages_are_those_of_algorithm_1(warmup: int) -> None:
    """With x, y and z all kept, a rate that warms up, and averages weighted by its square."""
    start, gradient = random(5, 4, seed=1), noisy_quadratic(5, 4)
    rates = [0.05 * min(1.0, (step + 1) / warmup) for step in range(STEPS)]
    x, z, v = start, start, torch.zeros_like(start)
    parameter, state = start, init(start)
    for step, rate in enumerate(rates):
        y = 0.2 * z + 0.8 * x
        g = gradient(y, step)
        v = 0.97 * v + 0.03 * g**2
        normalised: Tensor = g / (torch.sqrt(v / (1 - 0.97 ** (step + 1))) + 1e-4)
        z = z - rate * (normalised + 0.3 * y)
        share = rate**2 / sum(r**2 for r in rates[: step + 1])
        x = (1 - share) * x + share * z
        hyper = {**HYPER, "learning_rate": rate}
        parameter, state = update(parameter, gradient(parameter, step), state, hyper)
        torch.testing.assert_close(state["z"], z, rtol=1e-11, atol=1e-11)
        torch.testing.assert_close(
            evaluation_point(parameter, state, hyper), x, rtol=1e-11, atol=1e-11
        )


def test_a_rate_of_zero_in_the_first_step_of_a_warm_up_moves_nothing() -> None:
    start, gradient = random(5, 4, seed=1), noisy_quadratic(5, 4)
    (after,) = ours(
        gradient_optimizer("schedule_free_adamw"), start, gradient, {"learning_rate": 0.0}, steps=1
    )
    torch.testing.assert_close(after, start)
