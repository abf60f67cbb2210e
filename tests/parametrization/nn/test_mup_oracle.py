"""mup 1.0.0's own optimizers as oracle: equal groups, and equal losses over real updates."""

from collections.abc import Callable
from typing import Any

import mup
import pytest
import torch
from torch import Tensor, nn

from parametrization.nn.initialise import initialise
from parametrization.nn.param_groups import build_optimizer, param_groups
from tests.parametrization.builders import BASE_WIDTH, CORE_OPTIMIZERS, hyperparameters, scalings_of
from tests.parametrization.nn.many_layers import ConvNet, TiedGpt, picture_batch
from tests.parametrization.nn.small_models import Gpt, Mlp, cross_entropy, image_batch, text_batch

WIDTH = 96  # m = 3, no power of two
STEPS = 30
Batch = tuple[Tensor, Tensor]
Given = dict[str, float]

MU_OPTIMIZERS: dict[str, Callable[[Any, Given], torch.optim.Optimizer]] = {
    "adam": lambda parameters, given: mup.MuAdam(parameters, **_adam(given)),
    "adamw": lambda parameters, given: mup.MuAdamW(
        parameters, weight_decay=given["weight_decay"], **_adam(given)
    ),
    "sgd": lambda parameters, given: mup.MuSGD(
        parameters,
        lr=given["learning_rate"],
        momentum=given["momentum"],
        weight_decay=given["weight_decay"],
    ),
}


def _adam(given: Given) -> dict[str, Any]:
    return {
        "lr": given["learning_rate"],
        "betas": (given["beta1"], given["beta2"]),
        "eps": given["epsilon"],
    }


def mlp_batch(step: int) -> Batch:
    x, labels = image_batch(0, step)
    return x.double(), labels


def picture(step: int) -> Batch:
    x, labels = picture_batch(0, step, size=8)
    return x.double(), labels


def gpt_batch(step: int) -> Batch:
    return text_batch(0, step, size=4)


def mup_model(build: Callable[..., nn.Module], **given: float) -> nn.Module:
    """The model as mup would have it, weights still its own."""

    def readout(first: Any, *sizes: int, **options: bool) -> nn.Module:  # noqa: ANN401 - either
        if isinstance(first, nn.Embedding):
            kind, arguments, options = mup.MuSharedReadout, (first.weight,), {"bias": False}
        else:
            kind, arguments = mup.MuReadout, (first, *sizes)
        made: nn.Module = kind(*arguments, output_mult=given["output_multiplier"], **options)
        return made

    model = build(WIDTH, readout=readout).double()
    base, delta = (build(width, readout=readout) for width in (BASE_WIDTH, 2 * BASE_WIDTH))
    mup.set_base_shapes(model, base, delta=delta, rescale_params=False)
    return model


def groups_by_name(
    model: nn.Module, groups: list[dict[str, Any]]
) -> dict[str, tuple[float, float]]:
    """Learning rate and weight decay of every parameter."""
    numbers = {
        id(parameter): (group["lr"], group["weight_decay"])
        for group in groups
        for parameter in group["params"]
    }
    return {name: numbers[id(parameter)] for name, parameter in model.named_parameters()}


@pytest.mark.parametrize("build", [Mlp, Gpt, ConvNet, TiedGpt])
@pytest.mark.parametrize("optimizer", CORE_OPTIMIZERS)
def test_rates_and_decays_are_mups(build: Callable[..., nn.Module], optimizer: str) -> None:
    given = hyperparameters(optimizer)
    given |= {} if optimizer == "sgd" else {"epsilon": 1e-12}
    given |= {} if optimizer == "adam" else {"weight_decay": 0.3}
    ours, theirs = build(WIDTH), mup_model(build, **given)
    our_groups = param_groups(ours, scalings_of(build, WIDTH, optimizer=optimizer, given=given))
    their_groups = MU_OPTIMIZERS[optimizer](theirs.parameters(), given).param_groups
    expected = groups_by_name(theirs, their_groups)
    for name, (rate, weight_decay) in groups_by_name(ours, our_groups).items():
        assert (rate, weight_decay) == pytest.approx(expected[name], rel=1e-12), name


@pytest.mark.parametrize(
    ("build", "batch"),
    [(Mlp, mlp_batch), (Gpt, gpt_batch), (ConvNet, picture), (TiedGpt, gpt_batch)],
    ids=["mlp", "gpt", "convolutions", "tied"],
)
@pytest.mark.parametrize("optimizer", CORE_OPTIMIZERS)
def test_training_losses_are_mups(
    build: Callable[..., nn.Module], batch: Callable[[int], Batch], optimizer: str
) -> None:
    """In fp64, from the same initial weights, over 30 updates.

    mup never scales epsilon, so it is made negligible; differences are of rounding alone.
    """
    given = hyperparameters(optimizer, output_multiplier=1.5, learning_rate=2.0**-7)
    given |= {} if optimizer == "sgd" else {"epsilon": 1e-30}
    given |= {} if optimizer == "adam" else {"weight_decay": 0.1}
    scalings = scalings_of(build, WIDTH, optimizer=optimizer, given=given)
    ours, theirs = build(WIDTH).double(), mup_model(build, **given)
    initialise(ours, scalings, torch.Generator().manual_seed(0))
    with torch.no_grad():
        for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            other.copy_(mine)
    our_losses = losses(
        ours, build_optimizer(param_groups(ours, scalings), optimizer, given), batch
    )
    their_losses = losses(theirs, MU_OPTIMIZERS[optimizer](theirs.parameters(), given), batch)
    assert our_losses == pytest.approx(their_losses, rel=0, abs=1e-10)
    assert our_losses[-1] < our_losses[0]


def losses(
    model: nn.Module, optimizer: torch.optim.Optimizer, batch: Callable[[int], Batch]
) -> list[float]:
    seen = []
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = cross_entropy(model, batch(step))
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        optimizer.step()
        seen.append(loss.item())
    return seen
