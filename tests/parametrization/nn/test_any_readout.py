"""Any module becomes a readout with the same parameters, and stays one through what models meet."""

import copy
import io
import pickle
from collections.abc import Callable

import pytest
import torch
from mup import MuReadout, MuSharedReadout, set_base_shapes
from torch import Tensor, nn

from parametrization.nn.apply import Prepared, apply
from parametrization.nn.base_shapes import derive_model_shape
from parametrization.nn.classify import Declaration
from parametrization.nn.initialise import initialise, set_trained_multipliers
from parametrization.nn.layers import Readout, WithMultiplier, as_readout
from parametrization.scaling.multipliers import Multipliers
from parametrization.scaling.schedule import Schedule
from parametrization.shapes.roles import ModelShape, Role
from tests.parametrization.builders import hyperparameters, scalings_of


def applied(
    build: Callable[[int], nn.Module],
    model: nn.Module,
    shape: ModelShape | None = None,
    *,
    multiplier_free: bool = False,
) -> Prepared:
    """As a target of width 128 over base 32."""
    return apply(
        model,
        shape or derive_model_shape(build(32), build(64), 32),
        hyperparameters("adamw"),
        Multipliers(width=4),
        optimizer="adamw",
        schedule=Schedule(),
        steps=10,
        seed=0,
        multiplier_free=multiplier_free,
        gradient_clip_norm=0,
    )


class QuietLinear(nn.Linear):
    """A subclass with a forward of its own."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * 0.5


class Unembed(nn.Module):
    """As interpretability people write it: [in, out], called with a keyword."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.W_U = nn.Parameter(torch.randn(width, 10) * 0.1)
        self.b_U = nn.Parameter(torch.randn(10))

    def forward(self, stream: Tensor) -> Tensor:
        return stream @ self.W_U + self.b_U


class Model(nn.Module):
    def __init__(self, width: int, head: Callable[[int], nn.Module]) -> None:
        super().__init__()
        self.first = nn.Linear(3, width)
        self.head = head(width)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.first(x)
        own = isinstance(self.head, Unembed)
        logits: Tensor = self.head(stream=hidden) if own else self.head(hidden)
        return logits


HEADS = {
    "linear": lambda w: nn.Linear(w, 10),
    "subclass": lambda w: QuietLinear(w, 10),
    "own": Unembed,
}
each_head = pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)


@each_head
def test_a_module_of_any_kind_multiplies_its_input_and_not_its_bias(
    head: Callable[[int], nn.Module],
) -> None:
    model = Model(16, head)
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    nothing = torch.zeros(1, 16)
    plain, module = model(x), model.head
    bias = module(stream=nothing) if isinstance(module, Unembed) else module(nothing)
    before = dict(model.named_parameters())
    as_readout(model, "head")
    as_readout(model, "head")  # once more changes nothing
    assert model.head is module
    assert all(before[name] is parameter for name, parameter in model.named_parameters())
    assert isinstance(module, WithMultiplier)
    assert torch.equal(model(x), plain)
    module.multiplier = 0.25
    torch.testing.assert_close(model(x), 0.25 * (plain - bias) + bias)


@each_head
def test_a_readout_of_any_kind_is_copied_pickled_stored_and_compiled(
    head: Callable[[int], nn.Module],
) -> None:
    model = Model(16, head)
    as_readout(model, "head")
    assert isinstance(model.head, WithMultiplier)
    model.head.multiplier = 0.25
    x = torch.ones(2, 3)
    expected = model(x)
    stored = io.BytesIO()
    torch.save(model.state_dict(), stored)
    stored.seek(0)
    loaded = Model(16, head)
    as_readout(loaded, "head")
    loaded.load_state_dict(torch.load(stored))
    compiled = torch.compile(model, backend="eager")
    for one in (copy.deepcopy(model), loaded, compiled):
        assert torch.equal(one(x), expected)


@pytest.mark.parametrize("head", [QuietLinear, nn.Linear])
def test_a_readout_of_a_class_that_can_be_named_is_pickled(head: type[nn.Linear]) -> None:
    model = nn.Sequential(head(16, 10))
    as_readout(model, "0")
    again = pickle.loads(pickle.dumps(model))  # what was just pickled
    assert isinstance(again[0], WithMultiplier)
    assert type(again[0]) is type(model[0])
    assert torch.equal(again(torch.ones(2, 16)), model(torch.ones(2, 16)))


def test_what_holds_no_matrix_or_an_extra_state_cannot_be_a_readout() -> None:
    class Stateful(nn.Linear):
        def get_extra_state(self) -> int:
            return 1

    model = nn.ModuleDict(
        {"norm": nn.LayerNorm(8), "table": nn.Embedding(3, 8), "own": Stateful(8, 3)}
    )
    for name in ("norm", "table"):
        with pytest.raises(ValueError, match=f"{name} is a .*: only Linear, Bilinear"):
            as_readout(model, name)
    with pytest.raises(ValueError, match="own is a Stateful, whose state dict has an extra state"):
        as_readout(model, "own")


def test_applying_numbers_makes_a_readout_of_a_plain_layer_that_needs_one() -> None:
    def build(width: int) -> Model:
        return Model(width, HEADS["subclass"])

    model = build(128)
    applied(build, model)
    assert isinstance(model.head, WithMultiplier)
    assert model.head.multiplier == 1 / 4
    unchanged = build(128)
    applied(build, unchanged, multiplier_free=True)
    assert type(unchanged.head) is QuietLinear


def test_of_an_own_head_the_matrix_alone_is_multiplied() -> None:
    def build(width: int) -> Model:
        return Model(width, Unembed)

    shape = derive_model_shape(
        build(32),
        build(64),
        32,
        roles={
            "head.W_U": Declaration(Role.OUTPUT, 0, 1),
            "head.b_U": Declaration(Role.SCALAR, None, 0),
        },
    )
    given = build(128)
    as_readout(given, "head")
    for model in (build(128), given):
        applied(build, model, shape)
        assert isinstance(model.head, WithMultiplier)
        assert model.head.multiplier == 1 / 4


class Tied(nn.Module):
    """As transformers ties them: one tensor in an Embedding and in a Linear."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(11, width)
        self.mix = nn.Linear(width, width)
        self.lm_head = nn.Linear(width, 11, bias=False)
        self.lm_head.weight = self.embed.weight

    def forward(self, tokens: Tensor) -> Tensor:
        logits: Tensor = self.lm_head(self.mix(self.embed(tokens)))
        return logits


def test_a_tied_readout_gets_the_multiplier_and_the_table_stays_one_parameter() -> None:
    model = Tied(128)
    prepared = applied(Tied, model)
    assert isinstance(model.lm_head, Readout)
    assert model.lm_head.multiplier == 1 / 4
    assert model.lm_head.weight is model.embed.weight
    assert model.embed.weight.std().item() == pytest.approx(1, abs=0.1)
    assert len({id(p) for group in prepared.optimizer.param_groups for p in group["params"]}) == 3


def test_a_readout_of_mups_loses_its_own_multiplier() -> None:
    def build(width: int) -> Model:
        return Model(width, lambda w: MuReadout(w, 10))

    model, x = build(128), torch.ones(2, 3)
    set_base_shapes(model, build(32), delta=build(64), rescale_params=False)
    applied(build, model)
    assert type(model.head) is Readout
    expected = nn.functional.linear(model.first(x) / 4, model.head.weight, model.head.bias)
    torch.testing.assert_close(model(x), expected)


def test_a_readout_of_mups_is_not_left_to_divide_twice() -> None:
    def build(width: int) -> Model:
        return Model(width, lambda w: MuReadout(w, 10))

    shape = derive_model_shape(build(32), build(64), 32)
    scaled = scalings_of(build, 128, shape=shape)
    with pytest.raises(ValueError, match=r"head.weight is of a MuReadout, which divides by a"):
        initialise(build(128), scaled, torch.Generator().manual_seed(0))
    with pytest.raises(ValueError, match=r"as_readout\(model, 'head'\), which leaves that to this"):
        set_trained_multipliers(build(128), scaled)


def test_a_tuned_multiplier_of_mups_is_not_dropped() -> None:
    model = nn.Sequential(MuReadout(8, 3, output_mult=4.0))
    with pytest.raises(ValueError, match=r"output_mult=4, .* and give output_multiplier=4"):
        as_readout(model, "0")


def test_mups_shared_readout_becomes_a_tied_one() -> None:
    class Shared(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.embed = nn.Embedding(11, width)
            self.decoder = MuSharedReadout(self.embed.weight, bias=False)

    model = Shared(128)
    applied(Shared, model)
    assert type(model.decoder) is Readout
    assert model.decoder.multiplier == 1 / 4


def test_a_model_that_scales_its_logits_with_width_is_not_scaled_again() -> None:
    class Config:
        scale_decoder_outputs = True

    def build(width: int) -> Tied:
        model = Tied(width)
        model.config = Config()  # type: ignore[assignment]  # as transformers' T5 has it
        return model

    with pytest.raises(ValueError, match=r"scale_decoder_outputs is True.* scale_deco"):
        applied(build, build(128))
