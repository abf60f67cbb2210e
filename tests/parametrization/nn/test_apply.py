"""Parameter groups, optimizers and schedules, and all of it in one call."""

import pytest
import torch

from parametrization.nn.apply import apply
from parametrization.nn.initialise import initialise
from parametrization.nn.layers import Readout
from parametrization.nn.param_groups import (
    build_optimizer,
    multiplicative_schedule,
    param_groups,
)
from parametrization.scaling.multipliers import Multipliers
from parametrization.scaling.schedule import Schedule, ScheduleShape
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


@pytest.mark.parametrize("shape", ScheduleShape)
def test_the_schedule_multiplies_every_groups_rate_by_one_factor(shape: ScheduleShape) -> None:
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
