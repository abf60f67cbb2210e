"""What a model starts at on purpose is kept: frozen, zero and structured tensors, padding."""

import re
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from parametrization.nn.apply import apply
from parametrization.nn.base_shapes import derive_model_shape
from parametrization.nn.classify import Declaration
from parametrization.nn.initialise import initialise, materialise
from parametrization.nn.layers import Readout
from parametrization.scaling.multipliers import Multipliers
from parametrization.scaling.schedule import Schedule
from parametrization.shapes.roles import ModelShape, Role, TensorShape
from tests.parametrization.builders import hyperparameters, scalings_of, shape_of


def shape_seen(build: Callable[[int], nn.Module], **declared: Declaration) -> ModelShape:
    """Derived from models with memory, whose starts are seen."""
    return derive_model_shape(build(32), build(64), 32, roles=declared)


def started(build: Callable[[int], nn.Module], model: nn.Module, **declared: Declaration) -> None:
    """Bring a model of width 64 to its start as a target of width 64 over base 32."""
    shape = shape_seen(build, **declared)
    initialise(model, scalings_of(build, 64, shape=shape), torch.Generator().manual_seed(0))


def tensor(shape: ModelShape, name: str) -> TensorShape:
    return next(t for t in shape.tensors if t.name == name)


class Frozen(nn.Module):
    """Sinusoids, a pretrained matrix and a pretrained norm beside what is trained."""

    def __init__(self, width: int) -> None:
        super().__init__()
        angles = torch.arange(8)[:, None] / torch.arange(1, width + 1)
        self.positions = nn.Embedding(8, width, _weight=angles.sin(), _freeze=True)
        self.pretrained = nn.Linear(width, width).requires_grad_(False)
        self.norm = nn.BatchNorm1d(width).requires_grad_(False)
        self.norm.running_mean = torch.arange(width).float()
        self.free_norm = nn.BatchNorm1d(width)
        self.free_norm.running_mean = torch.arange(width).float()
        self.trained = nn.Linear(width, width)


def test_frozen_tensors_and_statistics_stay_as_they_are() -> None:
    model = Frozen(64)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    started(Frozen, model)
    after = model.state_dict()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved == {"trained.weight", "trained.bias", "free_norm.running_mean"}


def test_a_tensor_that_is_frozen_in_the_target_alone_is_kept_too() -> None:
    def build(width: int) -> nn.Module:
        return nn.Sequential(nn.Linear(3, width), nn.Linear(width, width))

    model = build(64)
    model.get_parameter("1.weight").requires_grad_(False)
    before = model.get_parameter("1.weight").clone()
    started(build, model)
    assert torch.equal(model.get_parameter("1.weight"), before)


class Lora(nn.Linear):
    """An adapter as loralib writes it: raw tensors on a subclass of Linear, the second zero."""

    def __init__(self, width: int) -> None:
        super().__init__(width, width, bias=False)
        self.weight.requires_grad_(False)
        self.lora_A = nn.Parameter(torch.randn(4, width))
        self.lora_B = nn.Parameter(torch.zeros(width, 4))


class Zeros(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.adapter = nn.Linear(4, width, bias=False)
        self.modulation = nn.Conv2d(width, width, 1)
        self.positions = nn.Embedding(7, width)
        self.last_norm = nn.BatchNorm2d(width)
        self.identity = nn.Linear(width, width, bias=False)
        self.random = nn.Linear(width, width, bias=False)
        self.lora = Lora(width)
        for zero in (self.adapter, self.modulation, self.positions, self.last_norm):
            nn.init.zeros_(zero.weight)
        nn.init.eye_(self.identity.weight)


def test_zero_and_identity_starts_are_kept_at_every_width() -> None:
    model = Zeros(64)
    started(Zeros, model)
    for zero in (model.adapter, model.modulation, model.positions, model.last_norm):
        assert not zero.weight.any()
    assert torch.equal(model.identity.weight, torch.eye(64))
    assert model.random.weight.std().item() == pytest.approx(1 / 8, rel=0.1)
    assert not model.lora.lora_B.any()
    assert model.lora.lora_A.std().item() == pytest.approx(64**-0.5 / 2**0.5, rel=0.2)


def test_a_row_of_padding_is_zero_and_the_others_are_drawn() -> None:
    def build(width: int) -> nn.Module:
        return nn.ModuleList(
            [nn.Embedding(5, width, padding_idx=2), nn.EmbeddingBag(5, width, padding_idx=0)]
        )

    model = build(64)
    started(build, model)
    for name, padding in (("0.weight", 2), ("1.weight", 0)):
        rows = model.get_parameter(name).square().mean(1)
        assert rows[padding] == 0
        assert (rows.sort().values[1:] > 0.5).all()


class OwnNorm(nn.Module):
    def __init__(self, width: int, start: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((width,), start))


class StateSpace(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = OwnNorm(width)
        self.zero_centred_norm = OwnNorm(width, 0.0)
        self.a_log = nn.Parameter(torch.arange(1, 9).float().log().repeat(width, 1))
        self.dt_bias = nn.Parameter(torch.rand(width) - 5)
        self.dt = nn.Linear(width, width)
        self.gates = nn.LSTM(width, width)
        self.temperature = nn.Parameter(torch.tensor(2.65))
        self.classes = Readout(width, 10)
        with torch.no_grad():
            self.dt.bias.uniform_(-6, -2)
            forget = self.gates.get_parameter("bias_hh_l0").zero_()
            forget[width : 2 * width] = 1
            self.classes.bias.fill_(-4.6)


def test_vectors_and_biases_with_a_start_of_their_own_keep_it() -> None:
    model = StateSpace(64)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    started(
        StateSpace,
        model,
        a_log=Declaration(Role.VECTOR, None, 0),
        dt_bias=Declaration(Role.VECTOR, None, 0),
        temperature=Declaration(Role.SCALAR),
    )
    after = model.state_dict()
    kept = {name for name in before if torch.equal(before[name], after[name])}
    assert kept >= {
        *("norm.weight", "zero_centred_norm.weight", "a_log", "dt_bias", "temperature"),
        *("dt.bias", "gates.bias_hh_l0", "classes.bias"),
    }
    assert not after["gates.bias_ih_l0"].any()  # torch's own draw, which follows width


def test_a_declared_constant_and_a_declared_keep_are_taken_at_their_word() -> None:
    model = StateSpace(64)
    matrix = model.dt.weight.clone()
    started(
        StateSpace,
        model,
        **{
            "norm.weight": Declaration(Role.VECTOR, None, 0, constant=0.5),
            "dt.weight": Declaration(Role.HIDDEN, 1, 0, initial="keep"),
            "a_log": Declaration(Role.VECTOR, None, 0),
            "dt_bias": Declaration(Role.VECTOR, None, 0),
            "temperature": Declaration(Role.SCALAR),
        },
    )
    assert torch.equal(model.norm.weight, torch.full((64,), 0.5))
    assert torch.equal(model.dt.weight, matrix)


def test_a_declared_draw_is_drawn_even_where_the_model_is_zero() -> None:
    drawn = {"adapter.weight": Declaration(Role.INPUT, 1, 0, initial="draw")}
    shape = shape_seen(Zeros, **drawn)
    assert tensor(shape, "adapter.weight").base_std == 0.5


def test_models_on_the_meta_device_keep_what_cannot_be_seen_and_need_it_to_be_there() -> None:
    with torch.device("meta"):
        shape = shape_of(lambda width: nn.Sequential(nn.Linear(3, width), OwnNorm(width)))
        model = nn.Sequential(nn.Linear(3, 64), OwnNorm(64))
    assert tensor(shape, "1.weight").kept
    scaled = scalings_of(lambda width: model, 64, shape=shape)
    materialise(model, "cpu")
    with pytest.raises(ValueError, match=r"1\.weight starts as the model has it \(kept\) and"):
        initialise(model, scaled, torch.Generator().manual_seed(0))
    nn.init.ones_(model.get_parameter("1.weight"))
    initialise(model, scaled, torch.Generator().manual_seed(0))
    assert model.get_parameter("1.weight").eq(1).all()
    assert model.get_parameter("0.weight").isfinite().all()


def test_materialised_running_statistics_are_reset() -> None:
    with torch.device("meta"):
        model = nn.Sequential(nn.BatchNorm1d(8))
    materialise(model, "cpu")
    statistics = dict(model.named_buffers())
    assert not statistics["0.running_mean"].any()
    assert statistics["0.running_var"].eq(1).all()


def test_a_kept_readout_has_no_multiplier_free_form() -> None:
    def build(width: int) -> nn.Module:
        return nn.Sequential(nn.Linear(3, width), Readout(width, 10))

    kept = Declaration(Role.OUTPUT, 1, 0, initial="keep")
    with pytest.raises(ValueError, match=re.escape("1.weight stays as the model has it, and the")):
        apply(
            build(64),
            shape_of(build, roles={"1.weight": kept}),
            hyperparameters("adamw"),
            Multipliers(width=2),
            optimizer="adamw",
            schedule=Schedule(),
            steps=10,
            seed=0,
            multiplier_free=True,
            gradient_clip_norm=0,
        )


def test_half_precision_draws_are_no_structure() -> None:
    """They have few distinct values, and none that fills half of them."""

    def build(width: int) -> nn.Module:
        return nn.Sequential(nn.Linear(width, width), nn.Embedding(64, width)).bfloat16()

    assert not any(t.kept or t.zero for t in shape_seen(build).tensors)


def test_the_start_of_a_model_that_draws_everything_is_what_it_was() -> None:
    first = torch.Generator().manual_seed(0)
    model: nn.Module = nn.Sequential(nn.Linear(8, 64), nn.Linear(64, 64))

    def build(width: int) -> nn.Module:
        return nn.Sequential(nn.Linear(8, width), nn.Linear(width, width))

    started(build, model)
    expected: Tensor = torch.empty(64, 8).normal_(std=8**-0.5, generator=first)
    assert torch.equal(model.get_parameter("0.weight"), expected)


class Scaled(nn.Module):
    """Constants that its author chooses by width."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Linear(3, width)
        self.scale = nn.Parameter(torch.tensor(width**-0.5))
        self.gain = nn.Parameter(torch.full((width,), 4 / width))
        self.shift = nn.Parameter(torch.full((width,), 0.5))


def test_a_constant_that_follows_width_is_the_targets_own() -> None:
    roles = {
        "scale": Declaration(Role.SCALAR),
        "gain": Declaration(Role.VECTOR, None, 0),
        "shift": Declaration(Role.VECTOR, None, 0),
    }
    model = Scaled(64)
    started(Scaled, model, **roles)
    assert model.scale.item() == 1 / 8
    assert torch.equal(model.gain, torch.full((64,), 1 / 16))
    shape = shape_seen(Scaled, **roles)
    assert {t.name for t in shape.tensors if t.kept} == {"scale", "gain"}
    assert tensor(shape, "shift").constant == 0.5


class RawAdapter(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.lora_A = nn.Parameter(torch.randn(4, width))
        self.lora_B = nn.Parameter(torch.zeros(width, 4))
        self.other = nn.Parameter(torch.zeros(width, 4))


def test_a_raw_adapter_keeps_its_zero_and_other_raw_zeros_are_never_drawn_unsaid() -> None:
    model = RawAdapter(64)
    with pytest.warns(UserWarning, match=r"other is all zero .* declare it with initial='keep'"):
        started(RawAdapter, model, other=Declaration(Role.INPUT, 1, 0))
    assert model.lora_A.any()
    assert not model.lora_B.any()
    kept = RawAdapter(64)
    started(RawAdapter, kept, other=Declaration(Role.INPUT, 1, 0, initial="keep"))
    assert not kept.other.any()
    started(RawAdapter, kept, other=Declaration(Role.INPUT, 1, 0, initial="draw"))
    assert kept.other.any()
