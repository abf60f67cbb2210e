"""Scion against pytorch_optimizer; spectral steps against singular values as well.

The library orthogonalises in bfloat16, which limits the comparison to 2 %; the fp64 reference
replaces singular values by the iteration's polynomial of them.
"""

import math
from typing import Any

import pytest
import torch
from pytorch_optimizer import SCION as LIBRARY_SCION
from pytorch_optimizer.optimizer.scion import LMONorm
from torch import Tensor

from parametrization.nn.updates.registry import OPTIMIZERS
from parametrization.nn.updates.update import GradientOptimizer
from tests.parametrization.nn.updates.test_muon import through_singular_values
from tests.parametrization.nn.updates.trajectories import (
    largest_difference,
    moved,
    noisy_quadratic,
    ours,
    random,
    referenced,
    theirs,
)

HYPER = {"learning_rate": 0.05, "momentum": 0.8, "radius": 2.0, "epsilon": 1e-8}
OPTIONS: dict[str, Any] = {"lr": 0.05, "momentum": 0.2, "scale": 2.0}


def scion(name: str) -> GradientOptimizer:
    optimizer = OPTIMIZERS[f"scion_{name}"]
    assert isinstance(optimizer, GradientOptimizer)
    return optimizer


CASES: list[tuple[str, tuple[int, ...], dict[str, Any], float]] = [
    ("column", (5, 4), {"norm_type": LMONorm.COL}, 1e-12),
    ("sign", (5, 4), {"norm_type": LMONorm.SIGN, "norm_kwargs": {"normalize": False}}, 1e-12),
    ("sign_over_fan_in", (5, 4), {"norm_type": LMONorm.SIGN}, 1e-12),
    ("rms", (5,), {"norm_type": LMONorm.BIAS}, 1e-12),
    ("spectral", (5, 4), {"norm_type": LMONorm.SPECTRAL}, 2e-2),
    ("spectral", (5, 4, 3, 3), {"norm_type": LMONorm.SPECTRALCONV}, 2e-2),
    (
        "spectral_at_least_one",
        (4, 6),
        {"norm_type": LMONorm.SPECTRAL, "norm_kwargs": {"max_scale": True}},
        2e-2,
    ),
]


@pytest.mark.parametrize(("name", "shape", "options", "tolerance"), CASES)
@pytest.mark.parametrize("constrained", [False, True])
def test_scion_equals_pytorch_optimizer(
    name: str, shape: tuple[int, ...], options: dict[str, Any], tolerance: float, constrained: bool
) -> None:
    start, gradient = random(*shape, seed=1), noisy_quadratic(*shape)
    decay = {"weight_decay": 1.0} if constrained else {"weight_decay": 0.3}
    library_decay = {"constraint": True} if constrained else {"weight_decay": 0.3}
    mine = ours(scion(name), start, gradient, {**HYPER, **decay})
    library = theirs(LIBRARY_SCION, start, gradient, {**OPTIONS, **options, **library_decay})
    assert moved(mine, start) > 0.1
    assert largest_difference(mine, library) < tolerance


@pytest.mark.parametrize("shape", [(5, 4), (4, 6), (5, 2, 3)])
def test_spectral_steps_are_singular_vectors_times_the_scale(shape: tuple[int, ...]) -> None:
    start, gradient = random(*shape, seed=1), noisy_quadratic(*shape)
    mean = torch.zeros(shape, dtype=torch.float64)
    scale = math.sqrt(shape[0] / shape[1]) / math.prod(shape[2:])

    def step_of(parameter: Tensor, g: Tensor, _step: int) -> Tensor:
        nonlocal mean
        mean = mean + 0.2 * (g - mean)
        step = through_singular_values(mean.flatten(1)).view(shape)
        return parameter * 0.95 - 0.05 * 2.0 * scale * step

    mine = ours(scion("spectral"), start, gradient, {**HYPER, "weight_decay": 1.0})
    assert moved(mine, start) > 0.1
    assert largest_difference(mine, referenced(step_of, start, gradient)) < 1e-12


def test_a_constrained_parameter_enters_its_ball_and_stays() -> None:
    start = 10 * random(5, 4, seed=1)
    hyper = {**HYPER, "learning_rate": 0.2, "weight_decay": 1.0}
    visited = ours(scion("sign"), start, noisy_quadratic(5, 4), hyper, steps=60)
    assert start.abs().max() > 2.0
    assert visited[-1].abs().max() <= 2.0 + 1e-3
