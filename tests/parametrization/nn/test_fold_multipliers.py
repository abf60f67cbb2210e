"""A folded model is the same function, with a plain model's state dict; or it is left alone."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from parametrization.nn.fold_multipliers import fold_multipliers
from parametrization.nn.layers import (
    ConvReadout,
    Readout,
    Residual,
    ResidualSum,
    Router,
    TiedReadout,
    WithMultiplier,
    as_readout,
)


def same_function(model: nn.Module, x: Tensor, **options: bool) -> tuple[str, ...]:
    """Fold, and compare within a rounding of the weights; the model is changed."""
    model.eval()
    before = model(x)
    folded = fold_multipliers(model, **options)
    torch.testing.assert_close(model(x), before, rtol=1e-5, atol=1e-6)
    return folded


def readout(multiplier: float) -> nn.Module:
    return nn.Sequential(nn.Linear(3, 8), Readout(8, 5, multiplier=multiplier))


@pytest.mark.parametrize(
    ("build", "x"),
    [
        (lambda: readout(1 / 3), torch.ones(2, 3)),
        (lambda: nn.Sequential(nn.Linear(3, 8), Router(8, 5, multiplier=0.3)), torch.ones(2, 3)),
        (lambda: nn.Sequential(ConvReadout(3, 5, 1, multiplier=0.3)), torch.ones(2, 3, 4, 4)),
    ],
)
def test_a_readout_becomes_the_plain_layer_that_computes_the_same(
    build: Callable[[], nn.Module], x: Tensor
) -> None:
    model = build()
    assert len(same_function(model, x)) == 1
    assert not any(isinstance(module, WithMultiplier) for module in model.modules())
    assert not [name for name in model.state_dict() if "extra" in name]


def test_a_plain_model_loads_the_folded_state_and_computes_the_same() -> None:
    model, x = readout(0.25), torch.ones(2, 3)
    expected = model(x)
    fold_multipliers(model)
    plain = nn.Sequential(nn.Linear(3, 8), nn.Linear(8, 5))
    plain.load_state_dict(model.state_dict())
    assert torch.equal(plain(x), expected)  # a power of two


class Quiet(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * 0.5


def test_a_layer_that_was_made_a_readout_is_what_it_was() -> None:
    model = nn.Sequential(Quiet(8, 5))
    as_readout(model, "0")
    readouts = [module for module in model.modules() if isinstance(module, WithMultiplier)]
    readouts[0].multiplier = 0.3
    same_function(model, torch.ones(2, 8))
    assert [type(module) for module in model] == [Quiet]


class Tied(nn.Module):
    def __init__(self, *, by_module: bool) -> None:
        super().__init__()
        self.embed = nn.Embedding(11, 8)
        self.head: nn.Module
        if by_module:
            self.head = TiedReadout(self.embed, multiplier=0.3)
        else:
            self.head = Readout(8, 11, bias=False, multiplier=0.3)
            self.head.weight = self.embed.weight

    def forward(self, tokens: Tensor) -> Tensor:
        logits: Tensor = self.head(self.embed(tokens))
        return logits


class Config:
    tie_word_embeddings = True


@pytest.mark.parametrize("by_module", [False, True])
def test_a_tied_readout_is_refused_or_gets_a_table_of_its_own(by_module: bool) -> None:
    model, tokens = Tied(by_module=by_module), torch.arange(11)
    config = Config()
    model.config = config  # type: ignore[assignment]  # as transformers' models have
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ValueError, match=r"head reads a lookup table times 0\.3, .* untie=True"):
        fold_multipliers(model)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert same_function(model, tokens, untie=True) == ("head",)
    assert type(model.head) is nn.Linear
    assert torch.equal(model.embed.weight, before["embed.weight"])
    assert config.tie_word_embeddings is False


@pytest.mark.parametrize(
    "branch",
    [
        lambda: nn.Linear(4, 4),
        lambda: nn.Sequential(nn.LayerNorm(4), nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 4)),
        lambda: nn.Sequential(nn.Linear(4, 4), nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5))),
        lambda: nn.Sequential(nn.Linear(4, 4), nn.GELU(), nn.LayerNorm(4)),
    ],
)
def test_a_branchs_multiplier_goes_into_what_it_ends_with(branch: Callable[[], nn.Module]) -> None:
    model = nn.Sequential(nn.Linear(3, 4), Residual(branch(), multiplier=0.3))
    assert same_function(model, torch.randn(5, 3)) == ("1",)
    assert isinstance(model[1], Residual)
    assert model[1].multiplier == 1


class Both(ResidualSum):
    """Adds two branches by itself."""

    def __init__(self) -> None:
        super().__init__(multiplier=0.5)
        self.one = nn.Linear(4, 4)


def test_what_cannot_be_folded_is_refused_by_name_and_nothing_is_changed() -> None:
    class Ends(nn.Module):
        pass

    shared = nn.Linear(4, 4)
    model = nn.ModuleDict(
        {
            "own": Both(),
            "activation": Residual(nn.Sequential(nn.Linear(4, 4), nn.ReLU()), multiplier=0.5),
            "module": Residual(Ends(), multiplier=0.5),
            "shared": Residual(shared, multiplier=0.5),
            "first": nn.Sequential(nn.Linear(4, 4)),
            "readout": Readout(4, 3, multiplier=0.5),
        }
    )
    other = nn.Linear(4, 4)
    other.weight = shared.weight
    model["other"] = other
    before = copy.deepcopy(model.state_dict())
    complaint = r"^own adds .* Both .*; activation adds .*; module adds .* Ends .*; shared cannot"
    with pytest.raises(ValueError, match=complaint):
        fold_multipliers(model)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert isinstance(model["readout"], Readout)


def test_multipliers_of_one_are_dropped_and_named_nowhere() -> None:
    model = nn.ModuleDict({"own": ResidualSum(), "readout": Readout(4, 3)})
    assert fold_multipliers(model) == ()
    assert type(model["readout"]) is nn.Linear
