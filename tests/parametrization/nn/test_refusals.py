"""Tensors without a rule are refused all at once, with roles to paste that classify the model."""

import re
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrizations, parametrize

from parametrization.nn.base_shapes import derive_model_shape
from parametrization.nn.classify import Declaration, UnclassifiedTensors
from parametrization.shapes.roles import ModelShape, Role


def unknown_shape(roles: dict[str, Role | Declaration] | None = None) -> ModelShape:
    """Of models with memory: proposals depend on values."""
    return derive_model_shape(Unknown(32), Unknown(64), 32, roles=roles)


class Normalise(nn.Module):
    """No norm by its name."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))


class Unknown(nn.Module):
    """One of everything that nobody can recognise."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([Mixed(width), Mixed(width)])
        self.normal = Normalise(width)
        self.temperature = nn.Parameter(torch.tensor(0.5))
        self.squeeze = nn.Linear(width, 4)
        self.grow = nn.Linear(4, width)


class Mixed(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.mix = nn.Parameter(torch.randn(width, width))
        self.heads = nn.Parameter(torch.randn(width // 8, 8, width))
        self.experts = nn.Parameter(torch.randn(4, 2 * width, width))
        self.decay = nn.Parameter(torch.arange(1, 9).float().repeat(width, 1))
        self.zero = nn.Parameter(torch.zeros(width, 5))


def test_everything_that_is_unknown_is_refused_at_once_with_roles_to_paste() -> None:
    with pytest.raises(UnclassifiedTensors) as caught:
        unknown_shape()
    error = caught.value
    assert error.proposals == {
        "blocks.*.mix": Declaration(Role.HIDDEN, 1, 0),
        "blocks.*.heads": Declaration(Role.HIDDEN, 2, (0, 1)),
        "blocks.*.experts": Declaration(Role.HIDDEN, 2, 1, stacked_axis=0),
        "blocks.*.decay": Declaration(Role.VECTOR, None, 0, initial="keep"),
        "blocks.*.zero": Declaration(Role.INPUT, 1, 0, initial="keep"),
        "normal.weight": Declaration(Role.VECTOR, None, 0),
        "squeeze.weight": Role.FIXED_BOTTLENECK,
    }
    assert error.unknown.keys() == error.proposals.keys()
    assert len(error.names) == 2 * 5 + 2
    assert "no scaling rule for blocks.*.mix of Mixed, shape [32 (grows" in str(error)


def test_the_proposed_roles_are_python_that_classifies_the_model() -> None:
    with pytest.raises(UnclassifiedTensors) as caught:
        unknown_shape()
    pasted = re.search(r"^roles=(\{.*?^\})", str(caught.value), re.DOTALL | re.MULTILINE)
    assert pasted is not None
    roles = eval(pasted[1], {"Role": Role, "Declaration": Declaration})  # as a reader would
    assert roles == caught.value.proposals
    shape = unknown_shape(roles)
    by_name = {t.name: t for t in shape.tensors}
    assert by_name["blocks.1.decay"].kept
    assert by_name["blocks.0.heads"].fan_in == 32


class Raw(nn.Module):
    """Tensors without a layer, that start as their authors start them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.out = nn.Parameter(torch.randn(width, 10) * width**-0.5)
        self.first = nn.Parameter(torch.randn(width, 48) * 48**-0.5)
        self.up = nn.Parameter(torch.randn(3, width, 2 * width) * width**-0.5)
        self.down = nn.Parameter(torch.randn(3, width, 2 * width) * (2 * width) ** -0.5)
        self.extra = nn.Parameter(torch.randn(1, 5, width) * 0.02)


def test_proposals_follow_the_size_of_the_models_own_start() -> None:
    with pytest.raises(UnclassifiedTensors) as caught:
        derive_model_shape(Raw(64), Raw(128), 64)
    assert caught.value.proposals == {
        "out": Declaration(Role.OUTPUT, 0, 1),
        "first": Declaration(Role.INPUT, 1, 0),
        "up": Declaration(Role.HIDDEN, 1, 2, stacked_axis=0),
        "down": Declaration(Role.HIDDEN, 2, 1, stacked_axis=0),
        "extra": Declaration(Role.INPUT, None, 2, initial="keep"),
    }


class OwnSpectralNorm(nn.Linear):
    def __init__(self, fan_in: int, fan_out: int) -> None:
        super().__init__(fan_in, fan_out)
        self.register_buffer("u", torch.randn(fan_out))


def by_hand(layer: nn.Module) -> nn.Module:
    assert isinstance(layer, nn.Linear)
    return OwnSpectralNorm(layer.in_features, layer.out_features)


@pytest.mark.parametrize(
    "normed",
    [parametrizations.spectral_norm, nn.utils.spectral_norm, by_hand],
    ids=["new", "older", "by hand"],
)
def test_spectral_norm_is_refused_on_first_layers_and_may_be_declared_inside(
    normed: Callable[[nn.Module], nn.Module],
) -> None:
    def build(width: int) -> nn.Module:
        return nn.Sequential(normed(nn.Linear(5, width)), normed(nn.Linear(width, width)))

    with pytest.raises(UnclassifiedTensors, match="use plain layers there") as caught:
        derive_model_shape(build(32), build(64), 32)
    assert re.search(r"computed from it by \w*SpectralNorm", str(caught.value))
    (inside,) = caught.value.proposals.values()
    assert inside in (Declaration(Role.HIDDEN, 1, 0), Role.HIDDEN)


class Positive(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.softplus(x)


def test_a_gain_that_a_function_computes_is_proposed_as_a_gain() -> None:
    def build(width: int) -> nn.Module:
        model = nn.Sequential(nn.Linear(5, width), nn.LayerNorm(width))
        parametrize.register_parametrization(model[1], "weight", Positive())
        return model

    with pytest.raises(UnclassifiedTensors, match="computed from it by Positive") as refused:
        derive_model_shape(build(32), build(64), 32)
    said = {"1.parametrizations.weight.original": Declaration(Role.VECTOR, None, 0)}
    assert refused.value.proposals == said
    gain = derive_model_shape(build(32), build(64), 32, roles=said).tensors[-1]
    assert (gain.role, gain.constant) == (Role.VECTOR, 1.0)


@pytest.mark.parametrize("said", [Role.OUTPUT, Declaration(Role.OUTPUT, 1, 0)])
def test_a_table_that_is_declared_output_is_led_to_a_tied_readout(said: Role | Declaration) -> None:
    def build(width: int) -> nn.Module:
        return nn.Sequential(nn.Linear(5, width), nn.Embedding(7, width))

    complaint = r"1\.weight is declared output and is a table of Embedding, .* by a .*TiedReadout"
    with pytest.raises(ValueError, match=complaint):
        derive_model_shape(build(32), build(64), 32, roles={"1.weight": said})


def test_a_dimension_that_grows_as_the_square_of_width_is_refused_with_a_way_out() -> None:
    def build(width: int) -> nn.Module:
        return nn.Sequential(nn.Linear(8, width), nn.Linear(8, width * width))

    with pytest.raises(ValueError, match="make the matrix of two factors"):
        derive_model_shape(build(8), build(16), 8)


class Config:
    def __init__(self, **values: object) -> None:
        self.__dict__ = values


def test_a_model_that_applies_mup_by_itself_is_refused_with_the_option_to_change() -> None:
    def build(width: int) -> nn.Module:
        model = nn.Sequential(nn.Embedding(11, width))
        model.config = Config(mup_enabled=True)  # type: ignore[assignment]  # as nanoGPT's do
        return model

    complaint = r"1/width already \(Config\.mup_enabled is True\).* with mup_enabled=False"
    with pytest.raises(ValueError, match=complaint):
        derive_model_shape(build(32), build(64), 32)


class Gated(nn.Module):
    """A gate and a bottleneck, held after a head that is two layers or after a plain one."""

    def __init__(self, width: int, *, deep: bool) -> None:
        super().__init__()
        last = nn.Linear(width, 7)
        self.head = nn.Sequential(nn.Linear(width, width), last) if deep else last
        self.shared_gate = nn.Linear(width, 1)
        self.squeeze = nn.Linear(width, 3)


@pytest.mark.parametrize("deep", [True, False])
def test_what_is_proposed_for_a_layer_follows_its_name_and_whether_there_is_an_output(
    deep: bool,
) -> None:
    """The last layer that a model holds is no second output, whose multiplier it would take."""
    build = partial(Gated, deep=deep)
    beside = {"shared_gate.weight": Role.MOE_ROUTER, "squeeze.weight": Role.FIXED_BOTTLENECK}
    named = {"head.1.weight": Role.OUTPUT}
    with pytest.raises(UnclassifiedTensors) as refused:
        derive_model_shape(build(32), build(64), 32, roles=named if deep else None)
    assert refused.value.proposals == beside
    if deep:
        with pytest.raises(UnclassifiedTensors) as refused:
            derive_model_shape(build(32), build(64), 32)
        assert refused.value.proposals["head.1.weight"] == Role.OUTPUT


ODD_NAMES = ("age[0]", 'said "so"', "back\\slash", "ü ?", "two words")


def test_roles_to_paste_take_modules_of_any_name() -> None:
    def build(width: int) -> nn.Module:
        outputs = {name: nn.Linear(width, 3) for name in ODD_NAMES}
        return nn.ModuleDict({"first": nn.Linear(8, width)} | outputs)

    with pytest.raises(UnclassifiedTensors) as refused:
        derive_model_shape(build(32), build(64), 32)
    text = str(refused.value)
    pasted = eval(text[text.index("roles={\n") + len("roles=") :])
    assert pasted == refused.value.proposals == {f"{n}.weight": Role.OUTPUT for n in ODD_NAMES}
    tensors = derive_model_shape(build(32), build(64), 32, roles=pasted).tensors
    outputs = {tensor.name for tensor in tensors if tensor.role is Role.OUTPUT}
    assert outputs == pasted.keys()
