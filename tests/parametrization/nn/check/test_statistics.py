"""The statistics of a coordinate check are what their definitions say."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from parametrization.check.slopes import activation_kind, aligned_name, is_aligned
from parametrization.nn.check.statistics import CheckedTraining, coordinate_statistics
from parametrization.nn.initialise import initialise
from parametrization.nn.layers import Readout
from parametrization.nn.param_groups import build_optimizer, param_groups
from parametrization.scaling.tensor_scaling import TensorScaling
from tests.parametrization.builders import hyperparameters, scalings_of
from tests.parametrization.nn.small_models import (
    CLASSES,
    PIXELS,
    Mlp,
    cross_entropy,
    image_batch,
)


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
    given = hyperparameters("adamw", learning_rate=2.0**-8)
    scalings = scalings_of(Affine, 64, given=given)
    found = {
        s.tensor: s
        for s in coordinate_statistics(
            CheckedTraining(lambda: Affine(64), cross_entropy, token_batch),
            scalings,
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
    summed = {
        "hidden.weight": (hidden_in, moved["hidden.weight"]),
        "readout.weight": (multiplier * after.hidden(hidden_in), moved["readout.weight"]),
    }
    assert {name for name in found if is_aligned(name)} == set(map(aligned_name, summed))
    for name, (inputs, change) in summed.items():
        random = (inputs.square() @ change.square().T).mean().sqrt()  # expected over all signs
        aligned = math.sqrt(rms(by_hand[name]) ** 2 - float(random) ** 2)
        assert found[aligned_name(name)].update_rms == pytest.approx(aligned, rel=0.02), name

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
    optimizer = build_optimizer(param_groups(after, scalings), "adamw", given)
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


class OfTwoOutputs(nn.Module):
    """Makes the weights of a net of a fixed size: at zero, neither layer of it has a gradient."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.wide = nn.Linear(8, width)
        self.first, self.second = Readout(width, PIXELS * 4), Readout(width, 4 * CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        wide = functional.relu(self.wide(torch.ones(8)))
        hidden = functional.relu(x @ self.first(wide).view(PIXELS, 4))
        logits: Tensor = hidden @ self.second(wide).view(4, CLASSES)
        return logits


def test_outputs_that_multiply_each_other_are_not_taken_from_zero() -> None:
    found = coordinate_statistics(
        CheckedTraining(lambda: OfTwoOutputs(64), cross_entropy, image_batch),
        scalings_of(OfTwoOutputs, 64),
        width=64,
        seeds=[0],
    )
    moved = {s.tensor for s in found if s.update_rms}
    assert moved >= {"wide.weight", "first.weight", "second.weight"}


class Unused(Mlp):
    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.spare = nn.Linear(width, width)


def test_a_layer_that_the_probe_does_not_reach_has_no_effect() -> None:
    given = hyperparameters("adamw")
    found = coordinate_statistics(
        CheckedTraining(lambda: Unused(64), cross_entropy, image_batch),
        scalings_of(Unused, 64, given=given),
        width=64,
        seeds=[0],
    )
    unused = {s.tensor for s in found if s.update_rms is None and activation_kind(s.tensor) is None}
    assert unused == {"spare.weight", aligned_name("spare.weight"), "spare.bias"}


def test_weights_that_round_small_updates_away_are_refused() -> None:
    training = CheckedTraining(lambda: Mlp(64).bfloat16(), cross_entropy, image_batch)
    with pytest.raises(ValueError, match=r"layers\.0\.weight is bfloat16.* in float32 to check"):
        coordinate_statistics(training, scalings_of(Mlp, 64), width=64, seeds=[0])
