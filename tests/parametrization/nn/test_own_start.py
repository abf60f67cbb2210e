"""`apply(initial="scale")`: the model's own start, multiplied to the sizes of muP."""

import copy
from collections.abc import Callable

import mup
import pytest
import torch
from torch import Tensor, nn

from parametrization.nn.apply import apply
from parametrization.nn.base_shapes import derive_model_shape
from parametrization.nn.layers import Readout
from parametrization.scaling.multipliers import Multipliers
from parametrization.scaling.schedule import Schedule
from parametrization.shapes.roles import ModelShape
from tests.parametrization.builders import hyperparameters

BASE = 64


def scaled(
    build: Callable[[int], nn.Module],
    model: nn.Module,
    width: int,
    *,
    shape: ModelShape | None = None,
    multiplier_free: bool = False,
    **given: float,
) -> None:
    apply(
        model,
        shape or derive_model_shape(build(BASE), build(2 * BASE), BASE),
        hyperparameters("adamw", **given),
        Multipliers(width=width / BASE),
        optimizer="adamw",
        schedule=Schedule(),
        steps=10,
        seed=0,
        initial="scale",
        multiplier_free=multiplier_free,
        gradient_clip_norm=0,
    )


class Torchs(nn.Module):
    """Every layer as torch starts it."""

    def __init__(self, width: int, readout: type[nn.Linear] = nn.Linear) -> None:
        super().__init__()
        self.embed = nn.Embedding(11, width, padding_idx=0)
        self.first = nn.Conv1d(3, width, 3)
        self.norm = nn.LayerNorm(width)
        self.hidden = nn.Linear(width, 4 * width)
        self.narrow = nn.Linear(4 * width, width, bias=False)
        self.head = readout(width, 10)

    def forward(self, tokens: Tensor) -> Tensor:
        hidden = self.narrow(self.hidden(self.norm(self.embed(tokens))))
        logits: Tensor = self.head(hidden)
        return logits


def test_torchs_own_start_becomes_what_mup_makes_of_it() -> None:
    """Tensor by tensor, within rounding: `mup` multiplies by the same powers."""

    def build(width: int) -> Torchs:
        return Torchs(width, mup.MuReadout)

    model = build(256)
    theirs = copy.deepcopy(model)
    mup.set_base_shapes(theirs, build(BASE), delta=build(2 * BASE))
    scaled(build, model, 256)
    expected = dict(theirs.named_parameters())
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter, expected[name], rtol=1e-6, atol=0)


class Fixed(nn.Module):
    """One standard deviation at every width, as GPT-2 and transformers start theirs."""

    def __init__(self, width: int, std: float = 0.02) -> None:
        super().__init__()
        self.embed = nn.Embedding(256, width)
        self.hidden = nn.Linear(width, width)
        self.head = nn.Linear(width, 256, bias=False)
        for layer in (self.embed, self.hidden, self.head):
            nn.init.normal_(layer.weight, std=std)
        nn.init.zeros_(self.hidden.bias)


@pytest.mark.parametrize("init_std", [1.0, 0.5])
def test_a_start_of_one_deviation_at_every_width_follows_the_rules_from_the_base(
    init_std: float,
) -> None:
    model = Fixed(256)
    before = copy.deepcopy(model)
    scaled(Fixed, model, 256, init_std=init_std)
    factors = {"embed": init_std, "hidden": init_std / 2, "head": init_std}
    for name, factor in factors.items():
        weight, own = model.get_parameter(f"{name}.weight"), before.get_parameter(f"{name}.weight")
        torch.testing.assert_close(weight, factor * own)
    assert not model.hidden.bias.any()
    assert isinstance(model.head, Readout)
    assert model.head.multiplier == 1 / 4


def test_the_multiplier_free_form_starts_as_the_same_function() -> None:
    model = Fixed(256)
    own = copy.deepcopy(model)
    scaled(Fixed, model, 256, multiplier_free=True)
    torch.testing.assert_close(model.head.weight, own.head.weight / 4)
    assert type(model.head) is nn.Linear


def test_at_the_base_width_nothing_changes() -> None:
    model = Torchs(BASE)
    before = copy.deepcopy(model)
    scaled(Torchs, model, BASE)
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, before.get_parameter(name))


def test_running_statistics_and_frozen_tensors_stay() -> None:
    def build(width: int) -> nn.Module:
        model = nn.Sequential(nn.Linear(8, width), nn.BatchNorm1d(width), nn.Linear(width, width))
        model[1].running_mean.fill_(3)  # type: ignore[operator]  # a Sequential
        model[2].requires_grad_(False)
        return model

    model = build(256)
    before = copy.deepcopy(model)
    scaled(build, model, 256)
    for name in ("1.running_mean", "1.weight", "2.weight", "2.bias"):
        assert torch.equal(model.state_dict()[name], before.state_dict()[name])


def test_a_shape_without_seen_starts_cannot_scale_them() -> None:
    with torch.device("meta"):
        shape = derive_model_shape(Torchs(BASE), Torchs(2 * BASE), BASE)
    with pytest.raises(ValueError, match=r"how the start of embed\.weight follows width: derive"):
        scaled(Torchs, Torchs(256), 256, shape=shape)


class Xavier(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Linear(48, width)
        nn.init.xavier_normal_(self.first.weight)


def test_a_start_that_follows_no_power_of_width_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no power of width, as Xavier's .* use initial='draw'"):
        scaled(Xavier, Xavier(256), 256)


def test_what_mup_has_scaled_is_not_scaled_again() -> None:
    def build(width: int) -> Torchs:
        return Torchs(width, mup.MuReadout)

    model = build(256)
    mup.set_base_shapes(model, build(BASE), delta=build(2 * BASE))
    with pytest.raises(ValueError, match=r"has scaled the start of .* rescale_params=False"):
        scaled(build, model, 256)


@pytest.mark.parametrize("seed", range(5))
def test_the_power_of_a_start_is_found_whatever_was_drawn(seed: int) -> None:
    torch.manual_seed(seed)
    powers = {
        t.name: t.start_exponent for t in derive_model_shape(Torchs(32), Torchs(64), 32).tensors
    }
    assert powers == {
        "embed.weight": 0.0,
        "first.weight": 0.0,
        "first.bias": 0.0,
        "norm.weight": 0.0,
        "norm.bias": 0.0,
        "hidden.weight": pytest.approx(-0.5),
        "hidden.bias": pytest.approx(-0.5),
        "narrow.weight": pytest.approx(-0.5),
        "head.weight": pytest.approx(-0.5),
        "head.bias": pytest.approx(-0.5),
    }
