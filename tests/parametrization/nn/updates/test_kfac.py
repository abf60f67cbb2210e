"""K-FAC and EKFAC against dense Fisher matrices of the whole layer, in fp64 numpy.

No installable implementation is both maintained and usable per tensor; the references build the
Kronecker products that the optimizers avoid and solve with them.
"""

import io

import numpy as np
import pytest
import torch
from torch import Tensor

from parametrization.nn.updates.registry import named
from parametrization.nn.updates.update import (
    CurvatureOptimizer,
    LayerSignals,
    over_trials,
)
from tests.parametrization.nn.updates.linear_regression import (
    FAN_IN,
    FAN_OUT,
    batch_at,
    scaled,
    train,
)
from tests.parametrization.nn.updates.trajectories import (
    hyper_of,
    largest_difference,
    moved,
    random,
    stacked,
)

STEPS = 25
START = random(FAN_OUT, FAN_IN, seed=1)
KFAC_HYPER = {
    "learning_rate": 0.1,
    "momentum": 0.5,
    "beta_factors": 0.8,
    "damping": 0.02,
    "weight_decay": 0.3,
}
EKFAC_HYPER = {**KFAC_HYPER, "beta_squares": 0.9}


def of_curvature(name: str) -> CurvatureOptimizer:
    optimizer = named(name)
    assert isinstance(optimizer, CurvatureOptimizer)
    return optimizer


KFAC, EKFAC = of_curvature("kfac"), of_curvature("ekfac")
both = pytest.mark.parametrize("optimizer", [KFAC, EKFAC], ids=lambda o: o.name)


class Averages:
    """Running second moments of both sides of the layer, and the velocity."""

    def __init__(self) -> None:
        self.inputs, self.outputs = np.zeros((FAN_IN, FAN_IN)), np.zeros((FAN_OUT, FAN_OUT))
        self.velocity = np.zeros(FAN_IN * FAN_OUT)

    def add(self, a: np.ndarray, g: np.ndarray) -> None:
        self.inputs = 0.8 * self.inputs + 0.2 * np.mean([np.outer(x, x) for x in a], axis=0)
        self.outputs = 0.8 * self.outputs + 0.2 * np.mean([np.outer(x, x) for x in g], axis=0)

    def move(self, weight: Tensor, step: np.ndarray) -> Tensor:
        self.velocity = 0.5 * self.velocity + step
        moved_by = self.velocity.reshape(FAN_IN, FAN_OUT).T  # vec() stacks columns
        return weight * (1 - 0.1 * 0.3) - 0.1 * torch.from_numpy(moved_by.copy())


def test_kfac_equals_solving_with_the_dense_kronecker_product() -> None:
    averages, weight, reference = Averages(), START, []
    for step in range(STEPS):
        gradient, (a, g) = batch_at(weight, step)
        averages.add(a.numpy(), g.numpy())
        started = 1 - 0.8 ** (step + 1)
        inputs, outputs = averages.inputs / started, averages.outputs / started
        fisher = np.kron(
            inputs + 0.02 * np.trace(inputs) * np.eye(FAN_IN),
            outputs + 0.02 * np.trace(outputs) * np.eye(FAN_OUT),
        )
        direction = np.linalg.solve(fisher, gradient.numpy().T.reshape(-1))
        weight = averages.move(weight, direction)
        reference.append(weight)
    mine = train(KFAC, START, KFAC_HYPER, steps=STEPS)
    assert moved(mine, START) > 0.1
    assert largest_difference(mine, reference) < 1e-11


def test_ekfac_equals_second_moments_of_every_example_in_the_dense_basis() -> None:
    averages, weight, reference = Averages(), START, []
    basis, squares = np.eye(FAN_IN * FAN_OUT), np.zeros(FAN_IN * FAN_OUT)
    for step in range(STEPS):
        gradient, (a, g) = batch_at(weight, step)
        averages.add(a.numpy(), g.numpy())
        turned = np.kron(np.linalg.eigh(averages.inputs)[1], np.linalg.eigh(averages.outputs)[1])
        covariance = basis @ np.diag(squares) @ basis.T
        basis, squares = turned, np.diag(turned.T @ covariance @ turned)
        rows = np.array([np.kron(x, y) for x, y in zip(a.numpy(), g.numpy(), strict=True)])
        squares = 0.9 * squares + 0.1 * np.mean((rows @ basis) ** 2, axis=0)
        corrected = squares / (1 - 0.9 ** (step + 1))
        damped = corrected + 0.02 * np.mean(corrected)
        direction = basis @ (basis.T @ gradient.numpy().T.reshape(-1) / damped)
        weight = averages.move(weight, direction)
        reference.append(weight)
    mine = train(EKFAC, START, EKFAC_HYPER, steps=STEPS)
    assert moved(mine, START) > 0.1
    assert largest_difference(mine, reference) < 1e-11


@both
def test_the_step_is_homogeneous_of_the_stated_degree(optimizer: CurvatureOptimizer) -> None:
    """A loss times 3; the damping may stay, it is relative to the curvature."""
    hyper = hyper_of(optimizer, learning_rate=0.1)
    batch, tripled = batch_at(START, 0), scaled(batch_at(START, 0), 3.0)
    once, _ = optimizer.update(START, batch[0], optimizer.init(START), hyper, batch[1])
    thrice, _ = optimizer.update(START, tripled[0], optimizer.init(START), hyper, tripled[1])
    torch.testing.assert_close(
        thrice - START,
        3.0**optimizer.declaration.step.degree * (once - START),
        rtol=1e-10,
        atol=1e-12,
    )


def cohort_run(
    optimizer: CurvatureOptimizer, rates: Tensor, *, poisoned: bool = False
) -> tuple[Tensor, dict[str, Tensor]]:
    """Three trials with other rates, dampings and data; the second may see a NaN."""
    defaults = hyper_of(optimizer, learning_rate=0.1)
    hyper = {**defaults, "learning_rate": rates, "damping": rates / 2}
    weights = torch.stack([random(FAN_OUT, FAN_IN, seed=k) for k in range(3)])
    state = stacked([optimizer.init(weight) for weight in weights])
    for step in range(5):
        batches = [batch_at(weights[k], step, seed=k) for k in range(3)]
        inputs = torch.stack([batch.signals.inputs for batch in batches])
        if poisoned and step == 2:
            inputs[1, 0, 0] = torch.nan
        signals = LayerSignals(
            inputs, torch.stack([batch.signals.output_gradients for batch in batches])
        )
        gradients = torch.stack([batch.gradient for batch in batches])
        weights, state = over_trials(optimizer.update)(weights, gradients, state, hyper, signals)
    return weights, state


@both
def test_a_cohort_equals_its_trials_alone(optimizer: CurvatureOptimizer) -> None:
    rates = torch.tensor([0.01, 0.03, 0.1], dtype=torch.float64)
    cohort, _ = cohort_run(optimizer, rates)
    for k in range(3):
        start = random(FAN_OUT, FAN_IN, seed=k)
        given = {"learning_rate": rates[k], "damping": rates[k] / 2}
        alone = train(optimizer, start, given, steps=5, seed=k)
        torch.testing.assert_close(cohort[k], alone[-1], rtol=1e-12, atol=1e-12)


@both
def test_a_diverged_trial_leaves_the_others_bit_exact(optimizer: CurvatureOptimizer) -> None:
    rates = torch.tensor([0.01, 0.03, 0.1], dtype=torch.float64)
    well, _ = cohort_run(optimizer, rates)
    ill, _ = cohort_run(optimizer, rates, poisoned=True)
    assert torch.equal(ill[[0, 2]], well[[0, 2]])
    assert ill[1].isnan().all()


@both
def test_a_checkpoint_in_the_middle_changes_nothing(optimizer: CurvatureOptimizer) -> None:
    hyper = hyper_of(optimizer, learning_rate=0.1)
    weight, state = START, optimizer.init(START)
    through = train(optimizer, START, {"learning_rate": 0.1}, steps=6)[-1]
    for step in range(6):
        if step == 3:
            file = io.BytesIO()
            torch.save({"weight": weight, **state}, file)
            file.seek(0)
            state = torch.load(file, weights_only=True)
            weight = state.pop("weight")
        gradient, signals = batch_at(weight, step)
        weight, state = optimizer.update(weight, gradient, state, hyper, signals)
    assert torch.equal(weight, through)


@both
def test_a_cohort_compiles_without_a_graph_break(optimizer: CurvatureOptimizer) -> None:
    torch.compiler.reset()
    weights = torch.stack([random(FAN_OUT, FAN_IN, seed=k) for k in range(3)])
    state = stacked([optimizer.init(weight) for weight in weights])
    hyper = hyper_of(optimizer, learning_rate=torch.tensor([0.1, 0.2, 0.3]).double())
    batches = [batch_at(weight, 0) for weight in weights]
    signals = LayerSignals(*map(torch.stack, zip(*[b.signals for b in batches], strict=True)))
    gradients = torch.stack([batch.gradient for batch in batches])
    eager, _ = over_trials(optimizer.update)(weights, gradients, state, hyper, signals)
    compiled = torch.compile(over_trials(optimizer.update), backend="eager", fullgraph=True)
    traced, _ = compiled(weights, gradients, state, hyper, signals)
    assert torch.equal(traced, eager)
