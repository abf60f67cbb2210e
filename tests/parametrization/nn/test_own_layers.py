"""Layers that people write themselves are recognised by name and shape, without a declaration."""

from collections.abc import Callable

import pytest
import torch
from mup import MuReadout, MuSharedReadout
from torch import nn

from parametrization.nn.base_shapes import derive_model_shape
from parametrization.nn.classify import UnclassifiedTensors
from parametrization.shapes.roles import ModelShape, Role

Found = tuple[Role, int | tuple[int, ...] | None, int | tuple[int, ...] | None]


def shape_of(build: Callable[[int], nn.Module], **more: object) -> ModelShape:
    return derive_model_shape(build(32), build(64), 32, **more)  # type: ignore[arg-type]


def found(build: Callable[[int], nn.Module]) -> dict[str, Found]:
    tensors = shape_of(build).tensors
    return {t.name: (t.role, t.fan_in_axis, t.fan_out_axis) for t in tensors}


class RawNorm(nn.Module):
    """Named as the subclasses below are; `names` are its tensors, the first one the gain."""

    def __init__(self, names: tuple[str, ...], *shape: int) -> None:
        super().__init__()
        for value, name in zip((1.0, 0.0), names, strict=False):
            self.register_parameter(name, nn.Parameter(torch.full(shape, value)))


class LlamaRMSNorm(RawNorm):
    pass


class LayerNorm2d(RawNorm):
    pass


@pytest.mark.parametrize("names", [("weight", "bias"), ("scale",), ("gamma", "beta"), ("g", "b")])
@pytest.mark.parametrize("sides", [(), (1, 1)])
def test_own_norms_are_vectors_that_start_where_they_start(
    names: tuple[str, ...], sides: tuple[int, ...]
) -> None:
    shape = shape_of(lambda w: nn.Sequential(nn.Linear(3, w), LayerNorm2d(names, w, *sides)))
    own = {t.name.removeprefix("1."): t for t in shape.tensors if t.name.startswith("1.")}
    assert {(t.role, t.fan_in_axis, t.fan_out_axis) for t in own.values()} == {
        (Role.VECTOR, None, 0)
    }
    assert [own[name].constant for name in names] == [1.0, 0.0][: len(names)]


def test_own_norms_over_heads_and_after_the_last_block_have_the_roles_of_torchs() -> None:
    class Block(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.q_norm = LlamaRMSNorm(("weight",), 8)
            self.project = nn.Linear(width, width)

    class Model(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.blocks = nn.ModuleList([Block(width)])
            self.norm = LlamaRMSNorm(("weight",), width)

    roles = {t.name: t.role for t in shape_of(Model, blocks=["blocks.*"]).tensors}
    assert roles["blocks.0.q_norm.weight"] is Role.QK_NORM_GAIN
    assert roles["norm.weight"] is Role.FINAL_NORM


class Conv1D(nn.Module):
    """As transformers has it: a Linear stored [in, out]."""

    def __init__(self, nf: int, nx: int) -> None:
        super().__init__()
        self.nf, self.nx = nf, nx
        self.weight = nn.Parameter(torch.randn(nx, nf) * 0.02)
        self.bias = nn.Parameter(torch.zeros(nf))


@pytest.mark.parametrize(
    ("build", "role"),
    [
        (lambda w: Conv1D(w, 3), Role.INPUT),
        (lambda w: Conv1D(3 * w, w), Role.HIDDEN),
    ],
)
def test_transformers_conv1d_is_a_linear_stored_the_other_way_round(
    build: Callable[[int], Conv1D], role: Role
) -> None:
    shape = shape_of(lambda w: nn.Sequential(build(w)))
    weight, bias = shape.tensors
    assert (weight.role, weight.fan_in_axis, weight.fan_out_axis) == (role, 0, 1)
    assert weight.base_std == pytest.approx(build(32).nx ** -0.5)
    assert not weight.is_table
    assert (bias.role, bias.constant) == (Role.VECTOR, 0.0)


def test_torchs_attention_is_recognised_with_its_keys_of_another_width() -> None:
    assert found(lambda w: nn.Sequential(nn.MultiheadAttention(w, w // 8, add_bias_kv=True))) == {
        "0.in_proj_weight": (Role.HIDDEN, 1, 0),
        "0.in_proj_bias": (Role.VECTOR, None, 0),
        "0.bias_k": (Role.INPUT, None, 2),
        "0.bias_v": (Role.INPUT, None, 2),
        "0.out_proj.weight": (Role.HIDDEN, 1, 0),
        "0.out_proj.bias": (Role.VECTOR, None, 0),
    }
    crossed = found(lambda w: nn.Sequential(nn.MultiheadAttention(w, w // 8, kdim=5, vdim=2 * w)))
    assert crossed["0.k_proj_weight"] == (Role.INPUT, 1, 0)
    assert crossed["0.v_proj_weight"] == (Role.HIDDEN, 1, 0)


@pytest.mark.parametrize("layer", [nn.LSTM, nn.GRU, nn.RNN, nn.LSTMCell, nn.GRUCell, nn.RNNCell])
def test_recurrent_layers_read_along_the_last_dimension(layer: type[nn.Module]) -> None:
    tensors = shape_of(lambda w: nn.Sequential(layer(5, w))).tensors
    by_kind = {t.name.removeprefix("0.").removesuffix("_l0"): t for t in tensors}
    assert {name: (t.role, t.fan_in_axis) for name, t in by_kind.items()} == {
        "weight_ih": (Role.INPUT, 1),
        "weight_hh": (Role.HIDDEN, 1),
        "bias_ih": (Role.VECTOR, None),
        "bias_hh": (Role.VECTOR, None),
    }
    assert by_kind["weight_hh"].base_std == pytest.approx(32**-0.5)


class Vit(nn.Module):
    """Tokens, positions and layer scales as timm and transformers name them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.randn(1, 1, width) * 0.02)
        self.pos_embed = nn.Parameter(torch.randn(1, 17, width) * 0.02)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, width))
        self.class_embedding = nn.Parameter(torch.randn(width))
        self.gamma_1 = nn.Parameter(1e-5 * torch.ones(width))
        self.ls1 = LayerScale(width)
        self.head = nn.Linear(width, 10)


class LayerScale(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.anything = nn.Parameter(1e-5 * torch.ones(width, 1, 1))


def test_tokens_positions_and_layer_scales_start_as_the_model_has_them() -> None:
    tensors = {t.name: t for t in shape_of(Vit).tensors}
    tokens = ("cls_token", "pos_embed", "mask_token", "class_embedding")
    assert {(tensors[name].role, tensors[name].kept) for name in tokens} == {(Role.INPUT, True)}
    assert {tensors[name].role for name in ("gamma_1", "ls1.anything")} == {Role.VECTOR}
    assert tensors["gamma_1"].constant == pytest.approx(1e-5)
    assert (tensors["head.weight"].role, tensors["head.bias"].role) == (Role.OUTPUT, Role.SCALAR)


@pytest.mark.parametrize(
    ("names", "role"),
    [
        (("trunk", "lm_head"), Role.OUTPUT),
        (("trunk", "decoder"), Role.OUTPUT),
        (("attn.k_proj", "lm_head"), Role.GQA_KV),
        (("attn.kv_a_proj_with_mqa", "lm_head"), Role.FIXED_BOTTLENECK),
        (("lora_A.default", "lm_head"), Role.FIXED_BOTTLENECK),
        (("moe.gate", "lm_head"), Role.MOE_ROUTER),
    ],
)
def test_maps_from_wide_to_fixed_have_the_role_that_their_names_say(
    names: tuple[str, str], role: Role
) -> None:
    class SparseMoeBlock(nn.Module):
        pass

    def build(width: int) -> nn.Module:
        model = nn.Module()
        for name in names:
            parent = model
            for part in name.split(".")[:-1]:
                parent.add_module(part, SparseMoeBlock() if part == "moe" else nn.Module())
                parent = parent.get_submodule(part)
            to = width if name == "trunk" else 5
            parent.add_module(name.split(".")[-1], nn.Linear(width, to))
        return model

    roles = {t.name: t.role for t in shape_of(build).tensors}
    weight = names[1] if names[0] == "trunk" else names[0]
    assert roles[f"{weight}.weight"] is role


def test_a_layer_called_output_inside_the_model_is_no_readout() -> None:
    def build(width: int) -> nn.Module:
        return nn.ModuleDict({"output": nn.Linear(width, 7), "last": nn.Linear(7, width)})

    with pytest.raises(UnclassifiedTensors, match=r"no scaling rule for output\.weight of Linear"):
        shape_of(build)


class VocabParallelEmbedding(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(11, width))


class ColumnParallelLinear(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4 * width, width))
        self.bias = nn.Parameter(torch.zeros(4 * width))


def test_megatrons_layers_are_those_of_torch() -> None:
    table, weight, bias = shape_of(
        lambda w: nn.Sequential(VocabParallelEmbedding(w), ColumnParallelLinear(w))
    ).tensors
    assert (table.role, table.is_table, table.base_std) == (Role.INPUT, True, 1.0)
    assert (weight.role, weight.fan_in_axis, bias.role) == (Role.HIDDEN, 1, Role.VECTOR)


class TopKRouter(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, width))


class MixtralExperts(nn.Module):
    def __init__(self, width: int, *, transposed: bool) -> None:
        super().__init__()
        self.is_transposed = transposed
        sizes = (width, 6 * width) if transposed else (6 * width, width)
        self.gate_up_proj = nn.Parameter(torch.randn(4, *sizes))
        self.gate_up_proj_bias = nn.Parameter(torch.zeros(4, 6 * width))


@pytest.mark.parametrize(("transposed", "axes"), [(False, (2, 1)), (True, (1, 2))])
def test_transformers_experts_are_stacked_matrices_and_its_routers_routers(
    transposed: bool, axes: tuple[int, int]
) -> None:
    def build(width: int) -> nn.Module:
        return nn.Sequential(TopKRouter(width), MixtralExperts(width, transposed=transposed))

    router, experts, bias = shape_of(build).tensors
    assert (router.role, router.fan_in_axis) == (Role.MOE_ROUTER, 1)
    assert (experts.role, experts.fan_in_axis, experts.fan_out_axis) == (Role.HIDDEN, *axes)
    assert experts.stacked_axes == (0,)
    assert experts.base_std == pytest.approx(32**-0.5)
    assert (bias.role, bias.fan_out_axis, bias.constant) == (Role.VECTOR, 1, 0.0)


class MupTied(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(11, width)
        self.decoder = MuSharedReadout(self.embed.weight, bias=False)


def test_mups_readouts_are_readouts_tied_or_not() -> None:
    plain = found(lambda w: nn.Sequential(nn.Linear(3, w), MuReadout(w, 10)))
    assert plain["1.weight"] == (Role.OUTPUT, 1, 0)
    (table,) = shape_of(MupTied).tensors
    assert (table.role, table.tied) == (Role.INPUT, True)


class Shared(nn.Module):
    """An encoder and a decoder that look up one table, as T5's do."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.shared = nn.Embedding(11, width)
        self.encoder = nn.Embedding(11, width)
        self.decoder = nn.Embedding(11, width)
        self.encoder.weight = self.decoder.weight = self.shared.weight


def test_two_lookups_of_one_table_are_one_role() -> None:
    assert found(Shared) == {"shared.weight": (Role.INPUT, 0, 1)}


def test_a_bias_that_two_modules_hold_is_that_of_torchs_layer() -> None:
    """As in transformers' BERT, whose head holds the bias of its Linear."""

    class Head(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.bias = nn.Parameter(torch.zeros(11))
            self.decoder = nn.Linear(width, 11)
            self.decoder.bias = self.bias

    assert found(Head)["bias"] == (Role.SCALAR, None, 0)
