"""Roles, axes and initial sizes of the layers beyond Linear and Embedding."""

import re
from collections.abc import Callable

import pytest
import torch
from torch import nn

from parametrization.nn.classify import Declaration
from parametrization.nn.initialise import initialise
from parametrization.nn.layers import (
    ConvReadout,
    Residual,
    Router,
    ZeroLinear,
)
from parametrization.rules.parametrization import Parametrization
from parametrization.shapes.roles import ModelShape, Role, TensorShape
from tests.parametrization.builders import scalings_of, shape_of
from tests.parametrization.nn.many_layers import (
    Autoencoder,
    Bottleneck,
    ConvNet,
    Modern,
    ResidualMlp,
    TiedGpt,
    picture_batch,
)
from tests.parametrization.nn.small_models import Gpt, Mlp

KEYS = {"blocks.*.[kv].weight": Role.GQA_KV}


def tensor(shape: ModelShape, name: str) -> TensorShape:
    return next(t for t in shape.tensors if t.name == name)


def alone(layer: Callable[[int], nn.Module]) -> TensorShape:
    """The weight of a layer that stands alone in its model."""
    return tensor(shape_of(lambda width: nn.Sequential(layer(width))), "0.weight")


def test_a_convolutional_nets_tensors_have_their_roles() -> None:
    assert {t.name.removeprefix("features."): t.role for t in shape_of(ConvNet).tensors} == {
        "first.weight": Role.INPUT,
        "norm.weight": Role.VECTOR,
        "norm.bias": Role.VECTOR,
        "hidden.weight": Role.HIDDEN,
        "hidden.bias": Role.VECTOR,
        "depthwise.weight": Role.VECTOR,
        "depthwise.bias": Role.VECTOR,
        "readout.weight": Role.OUTPUT,
        "readout.bias": Role.SCALAR,
    }


@pytest.mark.parametrize(
    ("layer", "role", "axes", "fan_in"),
    [
        (lambda w: nn.Conv1d(3, w, 5), Role.INPUT, (1, 0), 3 * 5),
        (lambda w: nn.Conv2d(3, w, 3), Role.INPUT, (1, 0), 3 * 9),
        (lambda w: nn.Conv2d(w, w, (3, 5)), Role.HIDDEN, (1, 0), 32 * 15),
        (lambda w: nn.Conv3d(w, 2 * w, 2), Role.HIDDEN, (1, 0), 32 * 8),
        (lambda w: nn.Conv2d(w, w, 3, groups=w), Role.VECTOR, (1, 0), 9),
        (lambda w: nn.Conv2d(w, w, 3, groups=w // 8), Role.VECTOR, (1, 0), 8 * 9),
        (lambda w: nn.Conv2d(w, w, 3, groups=4), Role.HIDDEN, (1, 0), 8 * 9),
        (lambda w: nn.ConvTranspose2d(3, w, 4, stride=2), Role.INPUT, (0, 1), 3 * 4),
        (lambda w: nn.ConvTranspose2d(2 * w, w, 3), Role.HIDDEN, (0, 1), 64 * 9),
        (lambda w: nn.ConvTranspose1d(w, w, 4, stride=2), Role.HIDDEN, (0, 1), 32 * 2),
        (lambda w: nn.ConvTranspose2d(w, w, 3, groups=4), Role.HIDDEN, (0, 1), 8 * 9),
        (lambda w: nn.ConvTranspose2d(w, w, 3, groups=w), Role.VECTOR, (1, 0), 9),
        (lambda w: nn.ConvTranspose2d(w, w, 2, groups=w // 8), Role.VECTOR, (1, 0), 8 * 4),
        (lambda w: ConvReadout(w, 3, 3), Role.OUTPUT, (1, 0), 32 * 9),
    ],
)
def test_a_convolution_sums_its_channels_over_its_kernel(
    layer: Callable[[int], nn.Module], role: Role, axes: tuple[int, int], fan_in: int
) -> None:
    found = alone(layer)
    assert (found.role, found.fan_in_axis, found.fan_out_axis) == (role, *axes)
    assert found.base_std == pytest.approx(fan_in**-0.5, rel=1e-12)


@pytest.mark.parametrize("width", [32, 128])
@pytest.mark.parametrize(
    "layer",
    [
        lambda w: nn.Conv2d(w, w, 3, padding=1, padding_mode="circular", bias=False),
        lambda w: nn.ConvTranspose2d(w, 2 * w, 4, stride=2, padding=1, bias=False),
        lambda w: nn.ConvTranspose2d(w, w, 3, padding=1, groups=w, bias=False),
        lambda w: nn.Conv2d(w, w, 3, padding=1, groups=w // 8, bias=False),
    ],
)
def test_a_convolution_keeps_the_size_of_what_it_reads(
    layer: Callable[[int], nn.Module], width: int
) -> None:
    """Within 10 %, inside the picture: the initial deviation is right at both widths."""
    model = nn.Sequential(layer(width))
    initialise(
        model,
        scalings_of(lambda w: nn.Sequential(layer(w)), width),
        torch.Generator().manual_seed(0),
    )
    x = torch.randn(8, width, 16, 16, generator=torch.Generator().manual_seed(1))
    inside = model(x)[..., 4:-4, 4:-4].detach()
    assert inside.square().mean().sqrt() == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(
    ("norm", "names"),
    [
        (nn.BatchNorm1d, {"weight", "bias"}),
        (lambda w: nn.GroupNorm(4, w), {"weight", "bias"}),
        (lambda w: nn.GroupNorm(4, w, affine=False), set()),
        (nn.LayerNorm, {"weight", "bias"}),
        (lambda w: nn.LayerNorm(w, bias=False), {"weight"}),
        (nn.RMSNorm, {"weight"}),
        (lambda w: nn.RMSNorm(w, elementwise_affine=False), set()),
    ],
)
def test_norms_have_vectors_or_nothing(norm: Callable[[int], nn.Module], names: set[str]) -> None:
    shape = shape_of(lambda width: nn.Sequential(nn.Linear(3, width, bias=False), norm(width)))
    found = {t.name.removeprefix("1."): t for t in shape.tensors[1:]}
    assert set(found) == names
    assert all(t.role is Role.VECTOR and t.fan_in_axis is None for t in found.values())
    assert all(t.constant == (name == "weight") for name, t in found.items())


def test_a_tied_table_is_an_input_whose_readout_gets_the_multiplier() -> None:
    """Table 8 of Tensor Programs V: one deviation at every width, 1/m in the forward pass."""
    table = tensor(shape_of(TiedGpt), "tokens.weight")
    assert (table.role, table.tied, table.base_std) == (Role.INPUT, True, 1.0)
    model = TiedGpt(128)
    initialise(
        model,
        scalings_of(TiedGpt, 128, output_multiplier=3.0),
        torch.Generator().manual_seed(0),
    )
    assert model.readout.multiplier == 3.0 / 4
    assert model.tokens.weight.std().item() == pytest.approx(1, abs=0.05)
    standard = scalings_of(TiedGpt, 128, parametrization=Parametrization.SP)
    assert standard[0].multiplier == 1.0


def test_experts_heads_and_norms_in_blocks_have_their_own_roles() -> None:
    shape = shape_of(Modern, roles=KEYS)
    roles = {t.name.replace(".branch", ""): t.role for t in shape.tensors}
    assert roles == {
        "tokens.weight": Role.INPUT,
        "blocks.0.0.weight": Role.VECTOR,
        "blocks.0.1.q.weight": Role.HIDDEN,
        "blocks.0.1.k.weight": Role.GQA_KV,
        "blocks.0.1.v.weight": Role.GQA_KV,
        "blocks.0.1.q_norm.weight": Role.QK_NORM_GAIN,
        "blocks.0.1.k_norm.weight": Role.QK_NORM_GAIN,
        "blocks.0.1.out.weight": Role.HIDDEN,
        "blocks.1.0.weight": Role.VECTOR,
        "blocks.1.1.router.weight": Role.MOE_ROUTER,
        "blocks.1.1.up.weight": Role.HIDDEN,
        "blocks.1.1.down.weight": Role.HIDDEN,
        "norm.weight": Role.FINAL_NORM,
        "norm.bias": Role.FINAL_NORM,
        "readout.weight": Role.OUTPUT,
    }
    assert {t.name for t in shape.tensors if t.in_block} == {
        t.name for t in shape.tensors if t.name.startswith("blocks.")
    }
    experts = tensor(shape, "blocks.1.branch.1.up.weight")
    assert (experts.fan_in_axis, experts.fan_out_axis) == (2, 1)
    assert experts.infinite == (False, True, True)
    assert experts.base_std == pytest.approx(32**-0.5)


def test_the_numbers_of_special_roles_are_those_of_their_rows() -> None:
    scaled = {
        s.name: s
        for s in scalings_of(Modern, 128, shape=shape_of(Modern, roles=KEYS), epsilon=1e-8)
    }
    router = scaled["blocks.1.branch.1.router.weight"]
    assert (router.multiplier, router.learning_rate) == (1 / 4, 2.0**-6)
    assert router.init_std == pytest.approx(32**-0.5)
    keys = scaled["blocks.0.branch.1.k.weight"]
    assert (keys.learning_rate, keys.epsilon) == (2.0**-6 / 4, 1e-8 / 2)
    experts = scaled["blocks.1.branch.1.up.weight"]
    assert experts.learning_rate == 2.0**-6 / 4
    gain = scaled["blocks.0.branch.1.q_norm.weight"]
    assert (gain.learning_rate, gain.epsilon, gain.constant) == (2.0**-6, 1e-8, 1.0)
    shape = shape_of(Bottleneck, roles={"layers.1.weight": Role.FIXED_BOTTLENECK})
    narrow = scalings_of(Bottleneck, 128, shape=shape)[1]
    assert narrow.init_std == pytest.approx(32**-0.5 / 4)


@pytest.mark.parametrize("role", [Role.FIXED_BOTTLENECK, Role.GQA_KV])
def test_sgd_has_no_rule_for_a_fixed_width_inside(role: Role) -> None:
    shape = shape_of(Bottleneck, roles={"layers.1.weight": role})
    with pytest.raises(
        ValueError, match=r"sgd has no rule for the role .*train the tensor with adamw"
    ):
        scalings_of(Bottleneck, 128, shape=shape, optimizer="sgd")


def test_blocks_of_a_model_without_residual_layers_are_named_by_patterns() -> None:
    shape = shape_of(Gpt, blocks=["blocks.*"])
    assert {t.name for t in shape.tensors if not t.in_block} == {
        "tokens.weight",
        "positions.weight",
        "norm.weight",
        "readout.weight",
    }
    assert tensor(shape, "norm.weight").role is Role.FINAL_NORM
    assert not any(t.in_block for t in shape_of(Mlp).tensors)


def test_wrappers_inside_the_model_do_not_hide_its_blocks() -> None:
    def build(width: int) -> nn.Module:
        model = ResidualMlp(width)
        for block in model.blocks:
            assert isinstance(block, Residual)
            compiled = torch.compile(block.branch, backend="eager")
            assert isinstance(compiled, nn.Module)
            block.branch = compiled
        return model

    assert shape_of(build) == shape_of(ResidualMlp)


class WithRawTensors(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.positions = nn.Parameter(torch.zeros(1, 7, width))
        self.experts = nn.Parameter(torch.zeros(4, width, 2 * width))  # [experts, in, out]
        self.temperature = nn.Parameter(torch.zeros(()))


def test_tensors_of_the_users_own_modules_are_declared_with_their_axes() -> None:
    shape = shape_of(
        WithRawTensors,
        roles={
            "positions": Declaration(Role.INPUT, fan_out_axis=2),
            "experts": Declaration(Role.HIDDEN, 1, 2),
            "temperature": Declaration(Role.SCALAR, constant=1.5),
        },
    )
    assert [t.base_std for t in shape.tensors] == [None, pytest.approx(32**-0.5), None]
    scaled = scalings_of(WithRawTensors, 64, shape=shape)
    assert [s.learning_rate for s in scaled] == [2.0**-6, 2.0**-7, 2.0**-6]
    assert scaled[2].constant == 1.5


@pytest.mark.parametrize(
    ("roles", "complaint"),
    [
        ({"layer.*": Role.HIDDEN}, "layer.* fits none of the parameters layers.0.weight"),
        ({"layers.0.weight": Role.GQA_KV}, "layers.0.weight is declared gqa_kv, a map from"),
    ],
)
def test_a_declaration_that_cannot_be_true_is_refused(
    roles: dict[str, Role], complaint: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(complaint)):
        shape_of(Mlp, roles=roles)


def test_a_role_alone_does_not_say_enough_of_a_raw_tensor() -> None:
    with pytest.raises(ValueError, match=r"positions is a tensor of WithRawTensors, whose axes"):
        shape_of(WithRawTensors, roles={"positions": Role.INPUT})


def test_the_autoencoders_transposed_layers_scale_by_their_own_fan_in() -> None:
    """Mup would read the fan-in from dimension 1, which is a transposed kernel's fan-out."""
    scaled = {s.name: s for s in scalings_of(Autoencoder, 128)}
    assert scaled["code.weight"].init_std == pytest.approx((128 * 9) ** -0.5)
    assert scaled["up.weight"].init_std == pytest.approx((256 * 4) ** -0.5)
    assert scaled["readout.weight"].multiplier == 0.25
    images, _ = picture_batch(0, 0, size=2)
    assert Autoencoder(32)(images).shape == images.shape


def test_a_router_that_does_not_lead_to_fixed_experts_is_refused() -> None:
    with pytest.raises(ValueError, match="a readout maps a dimension that grows with width"):
        shape_of(lambda width: nn.Sequential(nn.Linear(3, width), Router(width, width)))


def test_a_layer_that_starts_at_zero_does_so_at_every_width_and_keeps_its_role() -> None:
    def build(width: int) -> nn.Module:
        return nn.Sequential(nn.Linear(3, width), ZeroLinear(width, 3 * width))

    model = build(128)
    initialise(model, scalings_of(build, 128), torch.Generator().manual_seed(0))
    assert tensor(shape_of(build), "1.weight").role is Role.HIDDEN
    assert not model.get_parameter("1.weight").any()
    assert model.get_parameter("0.weight").any()
