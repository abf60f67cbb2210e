"""Roles from module types and infinite dimensions; what has no row is refused by name."""

import re
from collections.abc import Callable

import pytest
from torch import Tensor, nn

from parametrization.nn.layers import Readout, Router
from parametrization.shapes.roles import ModelShape, Role, TensorShape
from tests.parametrization.builders import shape_of
from tests.parametrization.nn.small_models import HEAD_SIZE, Gpt, Mlp


def tensor(shape: ModelShape, name: str) -> TensorShape:
    return next(t for t in shape.tensors if t.name == name)


def test_a_gpts_tensors_have_the_roles_of_table_8() -> None:
    def build(width: int) -> Gpt:
        return Gpt(width, depth=1, norm=nn.LayerNorm)

    assert {t.name: t.role for t in shape_of(build).tensors} == {
        "tokens.weight": Role.INPUT,
        "positions.weight": Role.INPUT,
        "blocks.0.attn_norm.weight": Role.VECTOR,
        "blocks.0.attn_norm.bias": Role.VECTOR,
        "blocks.0.mlp_norm.weight": Role.VECTOR,
        "blocks.0.mlp_norm.bias": Role.VECTOR,
        "blocks.0.attn.qkv.weight": Role.HIDDEN,
        "blocks.0.attn.out.weight": Role.HIDDEN,
        "blocks.0.up.weight": Role.HIDDEN,
        "blocks.0.up.bias": Role.VECTOR,
        "blocks.0.down.weight": Role.HIDDEN,
        "blocks.0.down.bias": Role.VECTOR,
        "norm.weight": Role.VECTOR,
        "norm.bias": Role.VECTOR,
        "readout.weight": Role.OUTPUT,
    }


def test_an_mlps_first_layer_is_input_and_its_readouts_bias_scalar() -> None:
    roles = {t.name: t.role for t in shape_of(Mlp).tensors}
    assert roles["layers.0.weight"] is Role.INPUT
    assert roles["layers.1.weight"] is Role.HIDDEN
    assert roles["layers.0.bias"] is Role.VECTOR
    assert roles["readout.bias"] is Role.SCALAR


def test_a_lookups_fan_in_is_its_vocabulary() -> None:
    tokens = tensor(shape_of(Gpt), "tokens.weight")
    assert (tokens.fan_in_axis, tokens.fan_out_axis) == (0, 1)
    assert tokens.infinite == (False, True)


def test_a_linear_layer_is_stored_out_by_in() -> None:
    up = tensor(shape_of(Gpt, 16), "blocks.0.up.weight")
    assert (up.base_shape, up.fan_in_axis, up.fan_out_axis) == ((64, 16), 1, 0)
    assert up.shape_at(4) == (256, 64)


class WithNormOverHeads(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Linear(3, width)
        self.head_norm = nn.RMSNorm(HEAD_SIZE)
        self.side = nn.Linear(3, 5)


def test_tensors_without_a_wide_dimension_are_scalar_and_small_maps_are_still_drawn() -> None:
    shape = shape_of(WithNormOverHeads)
    gain = tensor(shape, "head_norm.weight")
    assert (gain.role, gain.constant) == (Role.SCALAR, 1.0)
    assert tensor(shape, "side.weight").role is Role.SCALAR
    assert tensor(shape, "side.weight").fan_in_axis == 1


class WithParameter(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.stretch = nn.Parameter(Tensor(width))


def convolution(width: int) -> nn.Module:
    """The readout that mup takes for a vector and leaves without a multiplier."""
    return nn.Sequential(nn.Conv2d(width, 3, 1, bias=False))


def transposed(width: int) -> nn.Module:
    return nn.Sequential(nn.ConvTranspose2d(width, 3, 4, bias=False))


def fixed_key_size(width: int) -> nn.Module:
    """Grouped-query attention whose number of key heads does not grow."""
    return nn.Sequential(nn.Linear(width, 16, bias=False))


def deaf_readout(width: int) -> nn.Module:
    return nn.Sequential(nn.Linear(3, width), Readout(7, 3))


@pytest.mark.parametrize(
    ("build", "complaint"),
    [
        (WithParameter, "no scaling rule for stretch of WithParameter, shape [32 (grows"),
        (convolution, "no scaling rule for 0.weight of Conv2d, shape [3 (fixed), 32 (grows with w"),
        (
            convolution,
            "call parametrization.nn.layers.as_readout(model, '0') on the base, delta and",
        ),
        (transposed, "0.weight of ConvTranspose2d, shape [32 (grows with width), 3 (fixed)"),
        (
            transposed,
            "call parametrization.nn.layers.as_readout(model, '0') on the base, delta and",
        ),
        (fixed_key_size, "16 (fixed), 32 (grows with width)]: a map from a wide to a fixed"),
        (fixed_key_size, "declare roles={'0.weight': Role.GQA_KV} or Role.FIXED_BOTTLENECK"),
        (deaf_readout, "1.weight of Readout, shape [3 (fixed), 7 (fixed)]: a readout maps"),
    ],
)
def test_what_has_no_rule_is_refused_by_name_shape_and_remedy(
    build: Callable[[int], nn.Module], complaint: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(complaint)):
        shape_of(build)


class Tied(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(11, width)
        self.readout = Readout(width, 11, bias=False)
        self.readout.weight = self.embed.weight


def test_a_table_that_a_readout_reads_as_well_is_tied_whatever_the_readout_is() -> None:
    shape = shape_of(Tied)
    assert [(t.name, t.role, t.tied) for t in shape.tensors] == [("embed.weight", Role.INPUT, True)]


class TwoRoles(nn.Module):
    """A hidden matrix that serves as a readout as well."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(11, width)
        self.norm = nn.LayerNorm(width)
        self.norm.weight = nn.Parameter(self.embed.weight[0].detach())
        self.project = nn.Linear(width, 11, bias=False)
        self.first = nn.Embedding(11, width)
        self.routes = Router(width, 11, bias=False)
        self.routes.weight = self.first.weight


def test_a_tensor_with_two_roles_is_refused_and_the_tied_readout_named() -> None:
    with pytest.raises(ValueError, match=r"routes\.weight is the same .*layers\.TiedReadout"):
        shape_of(TwoRoles, roles={"project.weight": Role.OUTPUT})
