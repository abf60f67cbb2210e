"""What is seen of a trial in training is its loss's own, and training is not disturbed."""

import math
from pathlib import Path

import pytest
import torch
from torch.func import functional_call, jacrev
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from parametrization.recommendation.dynamics import WidthDynamics
from tests.workers.specs import (
    STUDY,
    TINY_GAN,
    TINY_GPT,
    TINY_MLP,
    hyperparameters,
    model_spec,
    training,
    trial_spec,
)
from tuner.engine.orders import DynamicsOrder, OrderId, TrialSpec
from tuner.engine.reports import Done
from tuner.evidence.dynamics.cost import dynamics_flops
from tuner.spec.dynamics.asked import Dynamics
from tuner.spec.families.mlp import Mlp
from tuner.spec.study import StudySpec
from workers.dynamics.looking import dynamics
from workers.slot.orders import OpenCohort, carry_out
from workers.training.trainer import train_to
from workers.training.trial import new_trial

ASKED = Dynamics(looks=2, eigenvalues=2, examples=4, noise_batches=2)
SMALL = model_spec(TINY_MLP, width=4, base_width=4)


def order(trial: TrialSpec) -> DynamicsOrder:
    return DynamicsOrder(id=OrderId("dynamics"), study_id=STUDY, trial=trial, asked=ASKED)


def sgd(values: dict[str, float] | None = None) -> TrialSpec:
    return trial_spec(model=SMALL, optimizer="sgd", values=values)


def seen(trial: TrialSpec) -> WidthDynamics:
    return dynamics(order(trial), "cpu")


@pytest.fixture(scope="module")
def of_sgd() -> WidthDynamics:
    return seen(sgd())


def test_eigenvalues_are_those_of_the_dense_hessian_after_as_many_updates(
    of_sgd: WidthDynamics,
) -> None:
    spec, looks = sgd(), of_sgd.looks
    trial = new_trial(spec)
    train_to(trial, 12)
    batch = trial.data.batch(spec.seed, 12, ASKED.examples)
    parameters = {name: p.detach() for name, p in trial.model.named_parameters()}
    sizes = [p.numel() for p in parameters.values()]

    def loss(flat: torch.Tensor) -> torch.Tensor:
        pieces = zip(parameters.items(), torch.split(flat, sizes), strict=True)
        values = {name: piece.view_as(p) for (name, p), piece in pieces}
        outputs = functional_call(trial.model, values, (batch.inputs,))
        return functional.cross_entropy(outputs, batch.targets)

    flat = torch.cat([p.reshape(-1) for p in parameters.values()])
    dense = torch.linalg.eigvalsh(jacrev(jacrev(loss))(flat)).flip(0)[:2].tolist()

    assert [look.step for look in looks] == [0, 12]
    assert looks[-1].loss == pytest.approx(loss(flat).item(), rel=1e-5)
    assert looks[-1].hessian == pytest.approx(dense, abs=looks[-1].residual + 1e-4 * dense[0])
    assert all(value >= -1e-5 for look in looks for value in look.gauss_newton)


def test_the_edge_of_sgd_is_sharpness_times_rate_over_what_momentum_stands(
    of_sgd: WidthDynamics,
) -> None:
    rate = hyperparameters("sgd")["learning_rate"]
    first = of_sgd.looks[0]  # at the base width every tensor has the same rate
    assert first.edge == pytest.approx(first.hessian[0] * rate / (2 * 1.9), rel=1e-3)
    start = {"learning_rate": 0.02, "init_std": 1.0, "output_multiplier": 1.0}
    lion = start | {"beta1": 0.9, "beta2": 0.95, "weight_decay": 0.0}
    spec = trial_spec(model=SMALL, optimizer="lion", values=lion)
    assert {look.edge for look in seen(spec).looks} == {None}


def test_an_order_is_answered_with_what_is_seen_and_the_same_twice(
    tmp_path: Path, of_sgd: WidthDynamics
) -> None:
    (told,) = carry_out(order(sgd()), OpenCohort(), tmp_path)
    assert isinstance(told, Done)
    assert told.dynamics == of_sgd


@pytest.mark.slow
def test_looking_changes_nothing_that_is_trained() -> None:
    spec = trial_spec(model=model_spec(TINY_GPT))
    found = seen(spec)
    assert found.looks[0].edge is None  # Adam has no second moment yet
    assert found.looks[-1].edge is not None
    trial = new_trial(spec)
    train_to(trial, 12)
    batch = trial.data.batch(spec.seed, 12, ASKED.examples)
    outputs = trial.model(batch.inputs)
    alone = functional.cross_entropy(outputs.flatten(0, -2), batch.targets.flatten()).item()
    assert found.looks[-1].loss == pytest.approx(alone, rel=1e-5)


def test_the_landscape_is_the_loss_around_the_trained_weights(of_sgd: WidthDynamics) -> None:
    found = of_sgd
    assert found.landscape is not None
    offsets, losses = found.landscape.offsets, found.landscape.losses
    middle, last = len(offsets) // 2, found.looks[-1]
    assert offsets[middle] == 0
    assert losses[middle][middle] == pytest.approx(last.loss, rel=1e-4)
    beside = losses[middle - 1][middle], losses[middle][middle], losses[middle + 1][middle]
    assert all(loss is not None for loss in beside)
    assert last.hessian[0] > 0
    assert sum(w * (loss or 0.0) for w, loss in zip((1, -2, 1), beside, strict=True)) > 0


@pytest.mark.slow
def test_a_family_with_a_loss_of_its_own_is_looked_at_without_gauss_newton() -> None:
    looks = seen(trial_spec(model=model_spec(TINY_GAN), train=training(steps=8))).looks
    assert {look.gauss_newton for look in looks} == {()}
    assert all(math.isfinite(look.hessian[0]) for look in looks)


def test_what_a_study_plans_for_its_dynamics_is_what_torch_counts() -> None:
    """But for gradients of the inputs, which nobody asks for, and iterations that end early."""
    wide = model_spec(Mlp(name="mlp", depth=4), width=64, base_width=64)
    trial = trial_spec(model=wide, optimizer="sgd", train=training(steps=12, batch_size=4))
    asked = Dynamics(looks=3, eigenvalues=2, examples=8, noise_batches=4)
    with FlopCounterMode(display=False) as counted:
        dynamics(order(trial).model_copy(update={"asked": asked}), "cpu")
    spec = StudySpec.model_validate(
        {
            "family": {"name": "mlp", "depth": 4},
            "proxy_width": 64,
            "target": {"width": 256},
            "training": {"steps": 12, "batch_size": 4},
            "dynamics": asked.model_dump(),
        }
    )
    size = sum(p.numel() for p in new_trial(trial).model.parameters())
    assert counted.get_total_flops() == pytest.approx(dynamics_flops(spec, size), rel=0.25)


def test_a_training_that_diverges_is_told_with_what_was_seen_before() -> None:
    values = hyperparameters("sgd", learning_rate=1e9)
    found = seen(sgd(values=values))
    assert [look.step for look in found.looks] == [0]
    assert found.problem is not None
    assert "training diverged after" in found.problem
