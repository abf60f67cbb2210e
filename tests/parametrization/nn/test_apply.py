"""Parameter groups, optimizers and schedules, and all of it in one call."""

from typing import Any

import pytest
import torch
from torch import nn

from parametrization.nn.apply import Prepared, apply
from parametrization.nn.classify import Declaration
from parametrization.nn.initialise import initialise
from parametrization.nn.layers import Readout
from parametrization.nn.param_groups import (
    build_optimizer,
    multiplicative_schedule,
    param_groups,
)
from parametrization.rules.policies import Policies
from parametrization.scaling.multipliers import Multipliers
from parametrization.scaling.schedule import Schedule
from parametrization.schedules.registry import SHAPES
from parametrization.shapes.roles import ModelShape, Role
from tests.parametrization.builders import CORE_OPTIMIZERS, hyperparameters, scalings_of, shape_of
from tests.parametrization.nn.small_models import Gpt, Mlp, cross_entropy, image_batch


@pytest.mark.parametrize("optimizer", CORE_OPTIMIZERS)
def test_every_parameter_is_in_one_group_with_its_own_numbers(optimizer: str) -> None:
    model, scalings = Gpt(128), scalings_of(Gpt, 128, optimizer=optimizer)
    found = {
        id(parameter): (group["lr"], group["weight_decay"], group.get("eps"))
        for group in param_groups(model, scalings)
        for parameter in group["params"]
    }
    wanted = {s.name: (s.learning_rate, s.weight_decay, s.epsilon) for s in scalings}
    assert {name: found[id(p)] for name, p in model.named_parameters()} == wanted
    assert sum(len(group["params"]) for group in param_groups(model, scalings)) == len(wanted)


def test_tensors_with_equal_numbers_share_a_group() -> None:
    """Hidden (both fan-ins), everything else with a wide dimension, and the readout's bias."""
    groups = param_groups(Mlp(128), scalings_of(Mlp, 128))
    assert len(groups) == 3
    assert len(param_groups(Mlp(32), scalings_of(Mlp, 32))) == 1


@pytest.mark.parametrize(
    ("optimizer", "kind"),
    [
        ("adam", torch.optim.Adam),
        ("adamw", torch.optim.AdamW),
        ("sgd", torch.optim.SGD),
    ],
)
def test_what_no_width_changes_is_handed_to_the_optimizer(
    optimizer: str, kind: type[torch.optim.Optimizer]
) -> None:
    groups = param_groups(Mlp(64), scalings_of(Mlp, 64, optimizer=optimizer))
    built = build_optimizer(groups, optimizer, hyperparameters(optimizer))
    assert type(built) is kind
    for group in built.param_groups:
        if optimizer == "sgd":
            assert group["momentum"] == 0.9
        else:
            assert group["betas"] == (0.9, 0.95)


@pytest.mark.parametrize("shape", list(SHAPES))
def test_the_schedule_multiplies_every_groups_rate_by_one_factor(shape: str) -> None:
    model, steps, form = Mlp(128), 20, Schedule(shape, final_fraction=0.1)
    optimizer = build_optimizer(
        param_groups(model, scalings_of(Mlp, 128)),
        "adamw",
        hyperparameters("adamw"),
    )
    peaks = [group["lr"] for group in optimizer.param_groups]
    schedule = multiplicative_schedule(optimizer, form, steps)
    for step in range(steps):
        factor = form.factor(step, steps)
        rates = [group["lr"] for group in optimizer.param_groups]
        assert rates == pytest.approx([peak * factor for peak in peaks], rel=1e-12)
        optimizer.step()
        schedule.step()


@pytest.mark.parametrize("optimizer", CORE_OPTIMIZERS)
def test_one_call_makes_a_model_ready_to_train(optimizer: str) -> None:
    model = Mlp(128)
    given = hyperparameters(optimizer, learning_rate=2.0**-7)
    stepping, schedule = apply(
        model,
        shape_of(Mlp),
        given,
        Multipliers(128 / 32),
        optimizer=optimizer,
        schedule=Schedule(),
        steps=30,
        seed=5,
    )
    by_hand = Mlp(128)
    initialise(
        by_hand,
        scalings_of(Mlp, 128, optimizer=optimizer, learning_rate=2.0**-7),
        torch.Generator().manual_seed(5),
    )
    for a, b in zip(model.parameters(), by_hand.parameters(), strict=True):
        assert torch.equal(a, b)
    assert isinstance(model.readout, Readout)
    assert model.readout.multiplier == 0.25
    losses = []
    for step in range(30):
        stepping.zero_grad()
        loss = cross_entropy(model, image_batch(0, step))
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        stepping.step()
        schedule.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]


def prepared(model: nn.Module, shape: ModelShape, **options: Any) -> Prepared:  # noqa: ANN401  # of `apply`
    return apply(
        model,
        shape,
        hyperparameters("adamw", weight_decay=0.1),
        Multipliers(2),
        optimizer="adamw",
        schedule=Schedule(),
        steps=30,
        seed=5,
        **options,
    )


def decays(model: nn.Module, training: Prepared) -> dict[str, float]:
    """Weight decay by the tensor's name."""
    names = {parameter: name for name, parameter in model.named_parameters()}
    groups = training.optimizer.param_groups
    return {names[p]: group["weight_decay"] for group in groups for p in group["params"]}


def test_weight_decay_leaves_gains_and_biases_alone_unless_it_is_asked_for() -> None:
    model, shape = Gpt(64, norm=nn.LayerNorm), shape_of(lambda width: Gpt(width, norm=nn.LayerNorm))
    vectors = {name for name, parameter in model.named_parameters() if parameter.dim() == 1}
    assert len(vectors) > 5
    found = decays(model, prepared(model, shape))
    assert {name for name, decay in found.items() if decay == 0} == vectors
    asked = decays(model, prepared(model, shape, policies=Policies()))
    assert min(asked.values()) > 0
    assert {name: asked[name] for name in asked.keys() - vectors} == {
        name: found[name] for name in found.keys() - vectors
    }


def test_a_declared_tensor_decays_or_not_as_declared() -> None:
    roles = {
        "readout.bias": Declaration(Role.SCALAR, None, 0, decayed=True),
        "layers.0.weight": Declaration(Role.INPUT, 1, 0, decayed=False),
    }
    model, plain = Mlp(64), Mlp(64)
    usual = decays(plain, prepared(plain, shape_of(Mlp)))
    found = decays(model, prepared(model, shape_of(Mlp, roles=roles)))
    assert usual["readout.bias"] == 0
    assert usual["layers.0.weight"] == pytest.approx(0.1)
    assert found == usual | {"readout.bias": pytest.approx(0.1), "layers.0.weight": 0.0}


def plain_mlp(width: int) -> Mlp:
    return Mlp(width, readout=nn.Linear)


def test_the_multiplier_free_form_warns_of_clipping_unless_it_is_told_that_there_is_none() -> None:
    shape = shape_of(plain_mlp, roles={"readout.weight": Role.OUTPUT})
    with pytest.warns(UserWarning, match=r"readout.weight grows .* max_grad_norm=0"):
        prepared(plain_mlp(64), shape, multiplier_free=True)
    prepared(plain_mlp(64), shape, multiplier_free=True, gradient_clip_norm=0)
    with pytest.raises(ValueError, match="gradient_clip_norm=1 has no multiplier-free form"):
        prepared(plain_mlp(64), shape, multiplier_free=True, gradient_clip_norm=1.0)
    prepared(Mlp(64), shape_of(Mlp), gradient_clip_norm=1.0)  # the other form may be clipped
