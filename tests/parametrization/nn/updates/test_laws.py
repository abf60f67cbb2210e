"""What has to hold for every optimizer, whatever its formula."""

import io

import pytest
import torch
from torch import Tensor

from parametrization.nn.updates.registry import named
from parametrization.nn.updates.update import (
    GradientOptimizer,
    GradientUpdate,
    Hyper,
    State,
    over_trials,
)
from parametrization.optimizers.registry import BUILT_IN
from tests.parametrization.nn.updates.trajectories import (
    gradient_optimizer,
    hyper_of,
    random,
    stacked,
)

TRIALS, STEPS, SHAPE = 3, 6, (5, 5)  # square: eps = 0 needs invertible Gram matrices
RATES = torch.tensor([0.01, 0.03, 0.1], dtype=torch.float64)

GRADIENT_ONLY = [o for o in map(named, BUILT_IN) if isinstance(o, GradientOptimizer)]
every_optimizer = pytest.mark.parametrize("optimizer", GRADIENT_ONLY, ids=lambda o: o.name)
ONE_PER_FORMULA = [  # tracing takes a second each; the others differ in a scale or an exponent
    "sgd", "adamw", "lion", "muon_spectral", "adagrad", "rmsprop", "layer_normalised_sgd",
    "shampoo_grafted", "soap", "lars", "lamb", "adafactor", "scion_column", "scion_rms",
    "modular_matrix", "schedule_free_adamw", "adamh", "muonh",
]  # fmt: skip


def decays_by_itself(optimizer: GradientOptimizer) -> bool:
    """Whether it has a weight decay, and no trust ratio around it."""
    declaration = optimizer.declaration
    return "weight_decay" in declaration.hyperparameters and declaration.decay_degree is None


def per_trial(optimizer: GradientOptimizer) -> dict[str, Tensor]:
    """Other values of every hyperparameter for each trial, as [K] tensors."""
    defaults = {
        name: torch.tensor([value, 0.9 * value, 0.8 * value], dtype=torch.float64)
        for name, value in optimizer.declaration.defaults.items()
    }
    decay = {"weight_decay": torch.tensor([0.0, 0.1, 0.2], dtype=torch.float64)}
    return {"learning_rate": RATES, **defaults, **(decay if "weight_decay" in defaults else {})}


def of_trial(hyper: dict[str, Tensor], k: int) -> dict[str, Tensor]:
    return {name: values[k] for name, values in hyper.items()}


def run(
    update: GradientUpdate, start: Tensor, state: State, gradients: list[Tensor], hyper: Hyper
) -> tuple[Tensor, State]:
    parameter = start
    for gradient in gradients:
        parameter, state = update(parameter, gradient, state, hyper)
    return parameter, state


def gradients_of(k: int, shape: tuple[int, ...] = SHAPE) -> list[Tensor]:
    return [random(*shape, seed=100 * k + step) for step in range(STEPS)]


def cohort_of(optimizer: GradientOptimizer) -> tuple[Tensor, State, list[Tensor]]:
    starts = [random(*SHAPE, seed=50 + k) for k in range(TRIALS)]
    gradients = zip(*[gradients_of(k) for k in range(TRIALS)], strict=True)
    return (
        torch.stack(starts),
        stacked([optimizer.init(start) for start in starts]),
        [torch.stack(step) for step in gradients],
    )


@every_optimizer
def test_a_cohort_equals_its_trials_alone(optimizer: GradientOptimizer) -> None:
    hyper = per_trial(optimizer)
    start, state, gradients = cohort_of(optimizer)
    cohort, cohort_state = run(over_trials(optimizer.update), start, state, gradients, hyper)
    for k in range(TRIALS):
        alone, alone_state = run(
            optimizer.update,
            start[k],
            optimizer.init(start[k]),
            gradients_of(k),
            of_trial(hyper, k),
        )
        torch.testing.assert_close(cohort[k], alone, rtol=1e-12, atol=1e-12)
        assert cohort_state.keys() == alone_state.keys()
        for name, value in alone_state.items():
            torch.testing.assert_close(cohort_state[name][k], value, rtol=1e-12, atol=1e-12)


@every_optimizer
def test_a_diverged_trial_leaves_the_others_bit_exact(optimizer: GradientOptimizer) -> None:
    hyper = per_trial(optimizer)
    start, state, gradients = cohort_of(optimizer)
    well, _ = run(over_trials(optimizer.update), start, state, gradients, hyper)
    gradients[2] = gradients[2].clone()
    gradients[2][1] = torch.nan
    ill, _ = run(over_trials(optimizer.update), start, state, gradients, hyper)
    assert torch.equal(ill[[0, 2]], well[[0, 2]])
    assert not torch.equal(ill[1], well[1])


@every_optimizer
def test_the_step_is_homogeneous_of_the_stated_degree(optimizer: GradientOptimizer) -> None:
    """With every epsilon at zero and no decay, gradients times 3 make steps times 3 ** p."""
    silent = {
        name: 0.0
        for name in optimizer.declaration.hyperparameters
        if name.startswith("epsilon") or name == "weight_decay"
    }
    hyper = hyper_of(optimizer, learning_rate=0.01, **silent)
    start = random(*SHAPE, seed=50)
    once, _ = run(optimizer.update, start, optimizer.init(start), gradients_of(0), hyper)
    tripled = [3 * gradient for gradient in gradients_of(0)]
    thrice, _ = run(optimizer.update, start, optimizer.init(start), tripled, hyper)
    assert (once - start).abs().max() > 1e-4
    torch.testing.assert_close(
        thrice - start,
        3.0**optimizer.declaration.step.degree * (once - start),
        rtol=1e-8,
        atol=1e-10,
    )


@pytest.mark.parametrize("name", [o.name for o in GRADIENT_ONLY if decays_by_itself(o)])
def test_without_a_gradient_weights_shrink_by_the_product_of_rate_and_decay(name: str) -> None:
    optimizer, start = gradient_optimizer(name), random(*SHAPE, seed=50)
    still = {"momentum": 0.0} if "momentum" in optimizer.declaration.hyperparameters else {}
    hyper = hyper_of(optimizer, learning_rate=0.1, weight_decay=0.3, **still)
    updates = 2 if optimizer.declaration.starts_from_first_gradient else 1
    nothing = [torch.zeros_like(start)] * updates
    shrunk, _ = run(optimizer.update, start, optimizer.init(start), nothing, hyper)
    torch.testing.assert_close(shrunk, start * (1 - 0.1 * 0.3), rtol=1e-12, atol=0)


@every_optimizer
def test_a_checkpoint_in_the_middle_changes_nothing(optimizer: GradientOptimizer) -> None:
    hyper = hyper_of(optimizer, learning_rate=0.01)
    start, gradients = random(*SHAPE, seed=50), gradients_of(0)
    through, through_state = run(optimizer.update, start, optimizer.init(start), gradients, hyper)
    half, half_state = run(optimizer.update, start, optimizer.init(start), gradients[:3], hyper)
    file = io.BytesIO()
    torch.save({"parameter": half, "state": half_state}, file)
    file.seek(0)
    stored = torch.load(file, weights_only=True)
    resumed, resumed_state = run(
        optimizer.update, stored["parameter"], stored["state"], gradients[3:], hyper
    )
    assert torch.equal(resumed, through)
    assert resumed_state.keys() == through_state.keys()
    assert all(torch.equal(resumed_state[name], through_state[name]) for name in through_state)


@every_optimizer
def test_inputs_are_left_as_they_were(optimizer: GradientOptimizer) -> None:
    hyper = per_trial(optimizer)
    start, state, gradients = cohort_of(optimizer)
    start, state = run(over_trials(optimizer.update), start, state, gradients[:2], hyper)
    before = [start.clone(), gradients[2].clone(), *[v.clone() for v in state.values()]]
    kept = {name: value.clone() for name, value in hyper.items()}
    over_trials(optimizer.update)(start, gradients[2], state, hyper)
    after = [start, gradients[2], *state.values()]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert all(torch.equal(kept[name], hyper[name]) for name in hyper)


@every_optimizer
def test_single_precision_stays_single_with_double_hyperparameters(
    optimizer: GradientOptimizer,
) -> None:
    hyper = per_trial(optimizer)
    start, state, gradients = cohort_of(optimizer)
    single = {name: value.float() for name, value in state.items()}
    parameter, new_state = over_trials(optimizer.update)(
        start.float(), gradients[0].float(), single, hyper
    )
    assert {parameter.dtype, *(value.dtype for value in new_state.values())} == {torch.float32}


@pytest.mark.parametrize("name", ONE_PER_FORMULA)
def test_a_cohort_compiles_without_a_graph_break(name: str) -> None:
    torch.compiler.reset()
    optimizer = gradient_optimizer(name)
    hyper = per_trial(optimizer)
    start, state, gradients = cohort_of(optimizer)
    eager, _ = over_trials(optimizer.update)(start, gradients[0], state, hyper)
    compiled = torch.compile(over_trials(optimizer.update), backend="eager", fullgraph=True)
    traced, _ = compiled(start, gradients[0], state, hyper)
    assert torch.equal(traced, eager)
