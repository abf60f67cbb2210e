"""The arithmetic of the example package, against references."""

from collections.abc import Mapping
from typing import Final

import pytest
import torch
from torch import Tensor

from more_optimizers import adam_then_sgd, conjugate_gradient, gauss_newton, learned
from more_optimizers.declarations import (
    ADAM_THEN_SGD,
    CONJUGATE_GRADIENT,
    GAUSS_NEWTON,
    LEARNED,
)
from parametrization.nn.updates.update import GradientUpdate, Init, Number, State, over_trials
from parametrization.optimizers.declaration import OptimizerDeclaration

FUNCTIONS: Final[Mapping[str, tuple[OptimizerDeclaration, Init, GradientUpdate]]] = {
    "conjugate_gradient": (
        CONJUGATE_GRADIENT,
        conjugate_gradient.init,
        conjugate_gradient.update,
    ),
    "adam_then_sgd": (ADAM_THEN_SGD, adam_then_sgd.init, adam_then_sgd.update),
    "gauss_newton": (GAUSS_NEWTON, gauss_newton.init, gauss_newton.update),
    "learned": (LEARNED, learned.init, learned.update),
}


def drawn(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def trajectory(
    name: str, gradients: list[Tensor], hyper: Mapping[str, Number], start: Tensor
) -> list[Tensor]:
    """The parameter after every update."""
    _, init, update = FUNCTIONS[name]
    parameter, state, seen = start, init(start), []
    for gradient in gradients:
        parameter, state = update(parameter, gradient, state, hyper)
        seen.append(parameter)
    return seen


@pytest.mark.parametrize("size", [3, 8])
def test_conjugate_gradient_finds_the_minimum_of_a_quadratic_in_as_many_steps_as_dimensions(
    size: int,
) -> None:
    root = drawn(size, size)
    curvature, minimum = (
        root @ root.T + 0.1 * torch.eye(size, dtype=root.dtype),
        drawn(size, seed=1),
    )
    point = torch.zeros(size, dtype=root.dtype)
    state = conjugate_gradient.init(point)
    hyper = {**CONJUGATE_GRADIENT.defaults, "longest": 1e6, "learning_rate": 1.0}
    for _ in range(size):
        gradient = curvature @ (point - minimum)
        ahead, state = conjugate_gradient.update(point, gradient, state, hyper)
        direction = ahead - point
        exact = -(gradient @ direction) / (direction @ curvature @ direction)
        point = point + exact * direction
    torch.testing.assert_close(point, minimum, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("safeguard", "second"),
    [
        ({"restart_after": 1}, [0.5, 1.0]),  # its time has come
        ({}, [1.5, 0.5]),  # the last direction was downhill ever faster: negative curvature
        ({"longest": 1.0}, [0.5, 1.0]),
        ({"descent": 0.999}, [-0.2, 1.0]),
    ],
)
def test_conjugate_gradient_starts_afresh_when_a_safeguard_asks_for_it(
    safeguard: dict[str, float], second: list[float]
) -> None:
    first, gradient = torch.tensor([1.0, 0.0]), torch.tensor(second)
    hyper = {**CONJUGATE_GRADIENT.defaults, **safeguard, "learning_rate": 1.0}
    point = torch.zeros(2)
    one, two = trajectory("conjugate_gradient", [first, gradient], hyper, point)
    torch.testing.assert_close(two - one, -gradient)


def test_conjugate_gradient_without_a_reason_to_restart_keeps_some_of_its_direction() -> None:
    gradients = [torch.tensor([1.0, 0.0]), torch.tensor([0.5, 1.0])]
    hyper = {**CONJUGATE_GRADIENT.defaults, "learning_rate": 1.0}
    one, two = trajectory("conjugate_gradient", gradients, hyper, torch.zeros(2))
    beta = (0.5 * -0.5 + 1.0) / (-1.0 * -0.5)
    torch.testing.assert_close(two - one, torch.tensor([-0.5 - beta, -1.0]))


def test_switching_is_torchs_adam_before_and_torchs_sgd_after() -> None:
    gradients, start = [drawn(4, 3, seed=s) for s in range(24)], drawn(4, 3, seed=99)
    hyper = {**ADAM_THEN_SGD.defaults, "switch_after": 10, "learning_rate": 0.01}
    parameter = torch.nn.Parameter(start.clone())
    adam = torch.optim.Adam([parameter], lr=0.01, betas=(0.9, 0.95), eps=1e-8)
    sgd = torch.optim.SGD([parameter], lr=0.01 * hyper["sgd_rate_ratio"], momentum=0.9)
    expected = []
    for step, gradient in enumerate(gradients):
        parameter.grad = gradient.clone()
        (adam if step < 10 else sgd).step()
        expected.append(parameter.detach().clone())
    found = trajectory("adam_then_sgd", gradients, hyper, start)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)


def dense_step(gradients: list[Tensor], damping: float) -> Tensor:
    rows = torch.stack([gradient.flatten() for gradient in gradients])
    fisher = rows.T @ rows / len(gradients)
    damped = fisher + damping * fisher.trace() * torch.eye(len(fisher), dtype=fisher.dtype)
    solved: Tensor = torch.linalg.solve(damped, rows[-1])
    return solved.reshape(gradients[-1].shape)


@pytest.mark.parametrize("seen", [1, 3, 4, 7])
def test_a_low_rank_gauss_newton_step_is_that_of_the_dense_matrix(seen: int) -> None:
    gradients = [drawn(3, 2, seed=s) for s in range(seen)]
    hyper = {**GAUSS_NEWTON.defaults, "damping": 0.2, "sharp": 0.0, "learning_rate": 1.0}
    hyper["beta_sharpness"] = 0.999  # a sharpness above 0 whatever was measured
    start = drawn(3, 2, seed=50)
    state = gauss_newton.init(start) | {"sharpness": torch.tensor(1e6, dtype=torch.float64)}
    parameter = start
    for gradient in gradients:
        before = parameter
        parameter, state = gauss_newton.update(parameter, gradient, state, hyper)
    expected = dense_step(gradients[-gauss_newton.RANK :], 0.2)
    torch.testing.assert_close(before - parameter, expected, rtol=1e-9, atol=1e-9)


def test_a_diagonal_gauss_newton_step_divides_by_squares_of_the_same_trace() -> None:
    gradients = [drawn(3, 2, seed=s) for s in range(5)]
    hyper = {**GAUSS_NEWTON.defaults, "beta_squares": 0.0, "sharp": 1e9, "learning_rate": 1.0}
    before, after = trajectory("gauss_newton", gradients, hyper, torch.zeros_like(gradients[0]))[
        -2:
    ]
    squares = gradients[-1].square()
    expected = gradients[-1] / (squares.numel() * squares + squares.sum())
    torch.testing.assert_close(before - after, expected)


def test_sharpness_is_the_curvature_along_the_step_over_that_of_a_step_to_the_minimum() -> None:
    root = drawn(4, 4)
    curvature, point, step = root @ root.T, drawn(4, seed=1), drawn(4, seed=2)
    before, after = curvature @ point, curvature @ (point + step)
    state: State = {
        "history": before.expand(gauss_newton.RANK, 4),
        "last_step": step,
        "sharpness": torch.zeros((), dtype=torch.float64),
    }
    along = -(before @ step)
    expected = (step @ curvature @ step) / along
    torch.testing.assert_close(gauss_newton.measured(after, state), expected)


def test_the_sharpness_decides_between_the_two_steps() -> None:
    """Plain numbers: one entry, a quadratic of curvature 1 and rates below and above its edge."""
    kinds = []
    for rate in (0.01, 10.0):
        hyper = {**GAUSS_NEWTON.defaults, "beta_sharpness": 0.0, "learning_rate": rate}
        point = torch.ones(1, dtype=torch.float64)
        state = gauss_newton.init(point)
        for _ in range(2):
            point, state = gauss_newton.update(point, point, state, hyper)
        kinds.append(bool(state["sharpness"] > hyper["sharp"]))
    assert kinds == [False, True]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_first_gradient_of_zero_moves_nothing(name: str) -> None:
    declared, start = FUNCTIONS[name][0], drawn(3, 2)
    zeros = [torch.zeros_like(start)] * 3
    for parameter in trajectory(name, zeros, {**declared.defaults, "learning_rate": 0.1}, start):
        torch.testing.assert_close(parameter, start, rtol=0, atol=0)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_times_c_make_steps_times_c_to_the_declared_degree(name: str) -> None:
    declared = FUNCTIONS[name][0]
    without_epsilon = {"epsilon": 0.0, "switch_after": 3.0}
    known = {key: value for key, value in without_epsilon.items() if key in declared.defaults}
    hyper = {**declared.defaults, **known, "learning_rate": 0.01}
    gradients, start = [drawn(3, 2, seed=s) for s in range(6)], torch.zeros(3, 2).double()
    plain = trajectory(name, gradients, hyper, start)
    scaled = trajectory(name, [4 * gradient for gradient in gradients], hyper, start)
    torch.testing.assert_close(scaled[2], plain[2] * 4**declared.step.degree)
    phases = [h.steps for h in declared.hyperparameters.values() if h.steps is not None]
    last = phases[0] if phases else declared.step
    torch.testing.assert_close(scaled[5] - scaled[2], (plain[5] - plain[2]) * 4**last.degree)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_cohort_steps_as_its_trials_do_alone(name: str) -> None:
    declared, init, update = FUNCTIONS[name]
    starts, rates = drawn(2, 3, 2), torch.tensor([0.01, 0.1], dtype=torch.float64)
    hyper: dict[str, Number] = {**declared.defaults, "learning_rate": rates}
    together, states = starts, torch.func.vmap(init)(starts)
    for step in range(4):
        gradients = drawn(2, 3, 2, seed=step)
        together, states = over_trials(update)(together, gradients, states, hyper)
    for trial in range(2):
        alone = trajectory(
            name,
            [drawn(2, 3, 2, seed=step)[trial] for step in range(4)],
            hyper | {"learning_rate": float(rates[trial])},
            starts[trial],
        )[-1]
        torch.testing.assert_close(together[trial], alone)
