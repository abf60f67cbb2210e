"""Sign descent: its step is checked to be the minimiser that it claims to be."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from parametrization.nn.updates.registry import named
from parametrization.nn.updates.update import CoupledOptimizer, Number
from tests.parametrization.nn.updates.trajectories import hyper_of, random


def sign_descent() -> CoupledOptimizer:
    optimizer = named("sign_descent")
    assert isinstance(optimizer, CoupledOptimizer)
    return optimizer


SIGN_DESCENT = sign_descent()
SHAPES = {"first": (4, 3), "bias": (4,), "second": (2, 4)}
GRADIENTS = {name: random(*shape, seed=i) for i, (name, shape) in enumerate(SHAPES.items())}
SHARPNESS = 3.0


def steps(
    gradients: dict[str, Tensor], radii: dict[str, float], rate: float = 1 / SHARPNESS
) -> dict[str, Tensor]:
    """One step of every tensor from zero."""
    hypers: dict[str, dict[str, Number]] = {
        name: hyper_of(SIGN_DESCENT, learning_rate=rate, radius=radii[name]) for name in gradients
    }
    dual_norm = torch.stack(
        [SIGN_DESCENT.contribution(gradients[name], hypers[name]) for name in gradients]
    ).sum()
    return {
        name: SIGN_DESCENT.update(torch.zeros_like(g), g, {}, hypers[name], dual_norm)[0]
        for name, g in gradients.items()
    }


def model(changes: dict[str, Tensor], radii: dict[str, float]) -> float:
    """<G, D> + (sharpness / 2) ||D||^2 in the norm max over tensors of max |D| / r."""
    linear = sum((GRADIENTS[name] * change).sum().item() for name, change in changes.items())
    norm = max(change.abs().max().item() / radii[name] for name, change in changes.items())
    return linear + SHARPNESS / 2 * norm**2


radius = st.floats(0.25, 4.0)


@given(
    radii=st.fixed_dictionaries({name: radius for name in SHAPES}),
    seed=st.integers(0, 10_000),
    size=st.floats(1e-3, 1.0),
)
def test_no_other_change_of_the_tensors_lowers_the_model_further(
    radii: dict[str, float], seed: int, size: float
) -> None:
    best = steps(GRADIENTS, radii)
    dual = sum(radii[name] * GRADIENTS[name].abs().sum().item() for name in SHAPES)
    other = {
        name: change + size * random(*SHAPES[name], seed=seed + i)
        for i, (name, change) in enumerate(best.items())
    }
    lowest = model(best, radii)
    assert abs(lowest + dual**2 / (2 * SHARPNESS)) < 1e-9 * dual**2
    assert model(other, radii) >= lowest - 1e-9 * dual**2


@given(factor=st.floats(0.1, 10.0))
def test_the_step_is_homogeneous_of_degree_one(factor: float) -> None:
    radii = dict.fromkeys(SHAPES, 1.0)
    once = steps(GRADIENTS, radii)
    scaled = steps({name: factor * g for name, g in GRADIENTS.items()}, radii)
    for name in SHAPES:
        torch.testing.assert_close(
            scaled[name], factor**SIGN_DESCENT.declaration.step.degree * once[name]
        )


def test_trials_of_a_cohort_are_coupled_over_layers_and_not_over_trials() -> None:
    rates = torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64)
    radii = torch.tensor([1.0, 2.0, 0.5], dtype=torch.float64)
    gradients = {
        name: torch.stack([random(*shape, seed=10 * i + k) for k in range(3)])
        for i, (name, shape) in enumerate(SHAPES.items())
    }

    def model_step(g: dict[str, Tensor], rate: Tensor, radius: Tensor) -> dict[str, Tensor]:
        hyper: dict[str, Number] = {"learning_rate": rate, "radius": radius, "weight_decay": 0.0}
        total = torch.stack([SIGN_DESCENT.contribution(g[name], hyper) for name in g]).sum()
        return {
            name: SIGN_DESCENT.update(torch.zeros_like(g[name]), g[name], {}, hyper, total)[0]
            for name in g
        }

    cohort = torch.func.vmap(model_step)(gradients, rates, radii)
    for k in range(3):
        alone = model_step({name: g[k] for name, g in gradients.items()}, rates[k], radii[k])
        for name in SHAPES:
            torch.testing.assert_close(cohort[name][k], alone[name], rtol=1e-12, atol=0)
    ill = {name: g.clone() for name, g in gradients.items()}
    ill["bias"][1] = torch.nan
    after = torch.func.vmap(model_step)(ill, rates, radii)
    assert all(torch.equal(after[name][[0, 2]], cohort[name][[0, 2]]) for name in SHAPES)
