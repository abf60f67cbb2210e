"""The coordinate check on real models: right rules pass, planted errors are found and named."""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from parametrization.coordinate_check import CHECK_LEARNING_RATE, CheckVerdict, judge
from parametrization.coordinate_statistics import CheckedTraining, coordinate_statistics
from parametrization.initialise import initialise
from parametrization.layers import Readout
from parametrization.param_groups import build_optimizer, param_groups
from parametrization.roles import Role
from parametrization.rules import Optimizer, Parametrization
from parametrization.scaling import TensorScaling
from tests.parametrization.builders import CORE_OPTIMIZERS, hyperparameters, scalings_of, shape_of
from tests.parametrization.small_models import Gpt, Mlp, cross_entropy, image_batch, text_batch

BASE = 64
WIDTHS = (64, 128, 256, 512)
SEEDS = {Optimizer.ADAM: range(4), Optimizer.ADAMW: range(4), Optimizer.SGD: range(8)}

Plant = Callable[[TensorScaling, float], TensorScaling]


def unharmed(scaling: TensorScaling, m: float) -> TensorScaling:
    return scaling


def check(
    optimizer: Optimizer,
    *,
    build: Callable[[int], nn.Module] = Mlp,
    batch: Callable[[int, int], tuple[Tensor, Tensor]] = image_batch,
    parametrization: Parametrization = Parametrization.MUP,
    plant: Plant = unharmed,
    widths: tuple[int, ...] = WIDTHS,
) -> CheckVerdict:
    given = hyperparameters(optimizer, learning_rate=CHECK_LEARNING_RATE[optimizer])
    statistics = []
    for width in widths:
        scalings = scalings_of(
            build,
            width,
            base_width=BASE,
            optimizer=optimizer,
            parametrization=parametrization,
            given=given,
        )
        statistics += coordinate_statistics(
            CheckedTraining(partial(build, width), cross_entropy, batch),
            [plant(scaling, width / BASE) for scaling in scalings],
            optimizer=optimizer,
            hyperparameters=given,
            width=width,
            seeds=SEEDS[optimizer],
        )
    return judge(statistics, shape_of(build, BASE), optimizer)


@pytest.mark.parametrize("optimizer", CORE_OPTIMIZERS)
def test_mup_passes_on_an_mlp(optimizer: Optimizer) -> None:
    verdict = check(optimizer)
    assert verdict.passed is True, verdict.summary


def test_mup_passes_on_a_gpt_with_embeddings_norms_and_wide_feed_forward() -> None:
    verdict = check(Optimizer.ADAMW, build=Gpt, batch=text_batch, widths=(64, 128, 256))
    assert verdict.passed is True, verdict.summary


def rate(power: float) -> Plant:
    def plant(scaling: TensorScaling, m: float) -> TensorScaling:
        wrong = replace(scaling, learning_rate=scaling.learning_rate * m**power)
        return wrong if scaling.role is Role.HIDDEN else scaling

    return plant


def start(role: Role, power: float) -> Plant:
    def plant(scaling: TensorScaling, m: float) -> TensorScaling:
        if scaling.role is not role or scaling.init_std is None:
            return scaling
        return replace(scaling, init_std=scaling.init_std * m**power)

    return plant


def forgotten_multiplier(scaling: TensorScaling, m: float) -> TensorScaling:
    return replace(scaling, multiplier=1.0)


@pytest.mark.parametrize(
    ("optimizer", "plant", "finding"),
    [
        (
            Optimizer.ADAMW,
            rate(1.0),
            r"layers\.\*\.weight: update grows like width\^(0\.9|1\.0)\d:"
            r" looks like a missing 1/fan_in learning rate",
        ),
        (Optimizer.ADAMW, rate(0.5), r"layers\.\*.* a missing 1/sqrt\(fan_in\) learning rate"),
        (Optimizer.ADAMW, rate(-1.0), r"layers\.\*.* divided by fan_in once too often"),
        (
            Optimizer.ADAMW,
            forgotten_multiplier,
            r"readout\.weight: update grows .* a missing 1/fan_in readout multiplier",
        ),
        (
            Optimizer.ADAMW,
            start(Role.OUTPUT, 0.5),
            r"readout\.weight: propagation grows .* initial std that grows with width",
        ),
        (
            Optimizer.ADAMW,
            start(Role.HIDDEN, 0.5),
            r"layers\.\*\.weight: propagation grows .* initial std too large by sqrt\(width\)",
        ),
        (
            Optimizer.ADAMW,
            start(Role.HIDDEN, -0.5),
            r"layers\.\*\.weight: propagation falls .* initial std too small by sqrt\(width\)",
        ),
        (Optimizer.SGD, rate(1.0), r"layers\.\*.*too large by width"),
        (Optimizer.SGD, rate(0.5), r"layers\.\*.*too large by sqrt\(width\)"),
        (Optimizer.SGD, forgotten_multiplier, "a missing 1/fan_in readout multiplier"),
        (Optimizer.SGD, start(Role.OUTPUT, 0.5), r"readout\.weight: propagation grows"),
        (Optimizer.SGD, start(Role.HIDDEN, 0.5), "too large an initial std"),
    ],
)
def test_a_planted_error_is_found_and_named(
    optimizer: Optimizer, plant: Plant, finding: str
) -> None:
    verdict = check(optimizer, plant=plant)
    assert verdict.passed is False
    assert re.search(finding, verdict.summary), verdict.summary


@pytest.mark.parametrize("optimizer", [Optimizer.ADAMW, Optimizer.SGD])
def test_the_standard_parametrization_fails_in_hidden_layers_and_readout(
    optimizer: Optimizer,
) -> None:
    verdict = check(optimizer, parametrization=Parametrization.SP)
    failed = {tensor.tensor for tensor in verdict.tensors if tensor.passed is False}
    assert failed == {"layers.*.weight", "readout.weight"}


class Affine(nn.Module):
    """One of each layer, so that statistics can be taken by hand."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(7, width)
        self.norm = nn.LayerNorm(width)
        self.hidden = nn.Linear(width, width)
        self.readout = Readout(width, 10)

    def forward(self, tokens: Tensor) -> Tensor:
        logits: Tensor = self.readout(self.hidden(self.norm(self.embed(tokens))))
        return logits


def token_batch(seed: int, step: int) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(100 * seed + step)
    return torch.randint(7, (16,), generator=draw), torch.randint(10, (16,), generator=draw)


def test_statistics_are_those_taken_by_hand() -> None:
    """With the model's own forward pass in place of hooks."""
    given = hyperparameters(Optimizer.ADAMW, learning_rate=2.0**-8)
    scalings = scalings_of(Affine, 64, given=given)
    found = {
        s.tensor: s
        for s in coordinate_statistics(
            CheckedTraining(lambda: Affine(64), cross_entropy, token_batch),
            scalings,
            optimizer=Optimizer.ADAMW,
            hyperparameters=given,
            width=64,
            seeds=[3],
        )
    }
    before, after = trained_by_hand(scalings, given, zero_readout=True)
    probe, _ = token_batch(3, 4)
    moved = {
        name: value - dict(before.named_parameters())[name]
        for name, value in after.named_parameters()
    }
    embedded = after.embed(probe)
    normed = functional.layer_norm(embedded, (64,))
    hidden_in = after.norm(embedded)
    multiplier = after.readout.multiplier
    by_hand = {
        "embed.weight": moved["embed.weight"][probe],
        "norm.weight": moved["norm.weight"] * normed,
        "norm.bias": moved["norm.bias"],
        "hidden.weight": hidden_in @ moved["hidden.weight"].T,
        "hidden.bias": moved["hidden.bias"],
        "readout.weight": multiplier * after.hidden(hidden_in) @ moved["readout.weight"].T,
        "readout.bias": moved["readout.bias"],
    }
    for name, effect in by_hand.items():
        assert found[name].update_rms == pytest.approx(rms(effect), rel=1e-4), name

    before, after = trained_by_hand(scalings, given, zero_readout=False)
    change = after.norm(after.embed(probe)) - before.norm(before.embed(probe))
    assert found["hidden.weight"].propagation_rms == pytest.approx(
        rms(change @ before.hidden.weight.T), rel=1e-4
    )
    assert found["embed.weight"].propagation_rms is None
    assert found["norm.bias"].propagation_rms is None


def trained_by_hand(
    scalings: tuple[TensorScaling, ...], given: dict[str, float], *, zero_readout: bool
) -> tuple[Affine, Affine]:
    models = Affine(64), Affine(64)
    for model in models:
        initialise(model, scalings, torch.Generator().manual_seed(3))
        if zero_readout:
            nn.init.zeros_(model.readout.weight)
    after = models[1]
    optimizer = build_optimizer(param_groups(after, scalings), Optimizer.ADAMW, given)
    for step in range(4):
        optimizer.zero_grad()
        loss = cross_entropy(after, token_batch(3, step))
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        optimizer.step()
    for model in models:
        model.requires_grad_(requires_grad=False)
    return models


def rms(values: Tensor) -> float:
    return float(values.double().square().mean().sqrt())


class Unused(Mlp):
    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.spare = nn.Linear(width, width)


def test_a_layer_that_the_probe_does_not_reach_is_named() -> None:
    given = hyperparameters(Optimizer.ADAMW)
    with pytest.raises(ValueError, match=r"does not pass through the layer of spare\.weight"):
        coordinate_statistics(
            CheckedTraining(lambda: Unused(64), cross_entropy, image_batch),
            scalings_of(Unused, 64, given=given),
            optimizer=Optimizer.ADAMW,
            hyperparameters=given,
            width=64,
            seeds=[0],
        )
