import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from parametrization.nn.updates.matrices.newton_schulz import (
    COEFFICIENTS,
    ITERATIONS,
    orthogonalised,
)
from tests.parametrization.nn.updates.trajectories import (
    gradient_optimizer,
    largest_difference,
    moved,
    noisy_quadratic,
    ours,
    random,
    referenced,
)

SHAPES = [(6, 4), (4, 6), (5, 5), (4, 12), (12, 4)]
"""The last two are long enough to iterate on their Gram matrix."""
HYPER = {"learning_rate": 0.03, "momentum": 0.9, "weight_decay": 0.3}


def through_singular_values(matrix: Tensor) -> Tensor:
    """The iteration as the scalar polynomial it applies to each singular value."""
    u, s, vt = np.linalg.svd(matrix.numpy(), full_matrices=False)
    s = s / np.linalg.norm(s)
    a, b, c = COEFFICIENTS
    for _ in range(ITERATIONS):
        s = a * s + b * s**3 + c * s**5
    return torch.from_numpy(u * s @ vt)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_iteration_is_its_polynomial_of_the_singular_values(shape: tuple[int, int]) -> None:
    matrix = random(*shape, seed=3)
    difference = orthogonalised(matrix, 1e-7) - through_singular_values(matrix)
    assert difference.abs().max() < 1e-12


@pytest.mark.parametrize("smallest", [1e-3, 1e-6, 1e-9])
def test_a_gram_matrix_in_single_precision_keeps_small_singular_values(smallest: float) -> None:
    """It squares them, to below what float32 adds to 1: 2e-4 measured, bfloat16 is 0.1 off."""
    u, _, vt = torch.linalg.svd(random(32, 128, seed=5), full_matrices=False)
    s = torch.logspace(0, math.log10(smallest), 32, dtype=torch.float64)
    matrix = (u * s @ vt).float()
    exact = through_singular_values(matrix.double())
    relative = (orthogonalised(matrix, 1e-7) - exact).norm() / exact.norm()
    in_half = (orthogonalised(matrix.bfloat16(), 1e-7) - exact).norm() / exact.norm()
    assert relative < 1e-3 < 3e-2 < in_half


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("name", "factor"),
    [
        ("muon_spectral", lambda out, in_: math.sqrt(out / in_)),
        ("muon_original", lambda out, in_: math.sqrt(max(1.0, out / in_))),
        ("muon_match_rms_adamw", lambda out, in_: 0.2 * math.sqrt(max(out, in_))),
    ],
)
def test_muon_equals_momentum_with_singular_values_replaced(
    name: str, factor: Callable[[int, int], float], shape: tuple[int, int]
) -> None:
    start, gradient = random(*shape, seed=1), noisy_quadratic(*shape)
    momentum = torch.zeros(shape, dtype=torch.float64)

    def step_of(parameter: Tensor, g: Tensor, _step: int) -> Tensor:
        nonlocal momentum
        momentum = momentum + 0.1 * (g - momentum)
        step = through_singular_values(g + 0.9 * (momentum - g))
        return parameter - 0.03 * 0.3 * parameter - 0.03 * factor(*shape) * step

    mine = ours(gradient_optimizer(name), start, gradient, HYPER)
    assert moved(mine, start) > 0.1
    assert largest_difference(mine, referenced(step_of, start, gradient)) < 1e-12


def test_a_convolution_is_one_matrix_of_its_output_channels() -> None:
    start, gradient = random(6, 2, 3, seed=1), noisy_quadratic(6, 2, 3)
    mine = ours(gradient_optimizer("muon_spectral"), start, gradient, HYPER)
    flat = ours(
        gradient_optimizer("muon_spectral"),
        start.flatten(1),
        lambda parameter, step: gradient(parameter.view(6, 2, 3), step).flatten(1),
        HYPER,
    )
    assert largest_difference([mine[-1].flatten(1)], [flat[-1]]) == 0
