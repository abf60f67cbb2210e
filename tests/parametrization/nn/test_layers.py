"""Layers with a forward multiplier, built or put in the place of plain ones."""

import re
from collections.abc import Callable

import pytest
import torch
from torch import nn

from parametrization.nn.initialise import initialise
from parametrization.nn.layers import (
    ConvReadout,
    ExpertLinear,
    Readout,
    Residual,
    WithMultiplier,
    as_readout,
    attention_scale,
)
from tests.parametrization.builders import scalings_of
from tests.parametrization.nn.small_models import Mlp


@pytest.mark.parametrize(
    "plain",
    [lambda w: nn.Linear(w, 10), lambda w: nn.Conv2d(w, 10, 1), lambda w: nn.Conv1d(w, 10, 3)],
)
def test_a_plain_layer_becomes_a_readout_with_the_same_parameters(
    plain: Callable[[int], nn.Module],
) -> None:
    model = nn.Sequential(nn.Linear(3, 32), nn.Sequential(plain(32)))
    before = dict(model.named_parameters())
    as_readout(model, "1.0")
    after = dict(model.named_parameters())
    assert list(after) == list(before)
    assert all(after[name] is before[name] for name in before)
    readout = model.get_submodule("1.0")
    assert isinstance(readout, WithMultiplier)
    assert readout.multiplier == 1.0
    assert "multiplier=1" in repr(readout)


def test_a_replaced_readout_takes_scalings_as_one_that_was_built() -> None:
    def build(width: int) -> Mlp:
        model = Mlp(width, readout=nn.Linear)
        as_readout(model, "readout")
        return model

    model, own = build(128), Mlp(128)
    for one in (model, own):
        initialise(one, scalings_of(build, 128), torch.Generator().manual_seed(0))
    x = torch.ones(2, 24)
    assert torch.equal(model(x), own(x))
    assert isinstance(model.readout, Readout)


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("head", "there is no module head; a readout could replace layers.0, layers.1, layers.2"),
        ("layers", "layers is a ModuleList: only Linear, Bilinear and convolutions have a"),
    ],
)
def test_what_cannot_become_a_readout_is_refused(name: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=re.escape(complaint)):
        as_readout(Mlp(32), name)


def test_a_convolutional_readout_multiplies_the_weights_and_not_the_bias() -> None:
    readout = ConvReadout(8, 3, 3, padding=1, multiplier=0.25)
    x = torch.randn(2, 8, 5, 5, generator=torch.Generator().manual_seed(0))
    plain = nn.functional.conv2d(x, readout.weight, None, padding=1)
    assert readout.bias is not None
    torch.testing.assert_close(readout(x), 0.25 * plain + readout.bias[:, None, None])


def test_experts_multiply_their_own_tokens_alone() -> None:
    layer = ExpertLinear(3, 4, 5)
    x = torch.randn(3, 2, 4, generator=torch.Generator().manual_seed(0))
    for expert in range(3):
        torch.testing.assert_close(layer(x)[expert], x[expert] @ layer.weight[expert].T)


def test_a_residual_branch_is_multiplied_and_the_stream_is_not() -> None:
    block, x = Residual(nn.Linear(4, 4), multiplier=0.25), torch.ones(2, 4)
    torch.testing.assert_close(block(x), x + 0.25 * block.branch(x))


def test_attention_scale_is_torchs_own_at_the_base_and_falls_like_the_head_size() -> None:
    assert attention_scale(16, 16) == 16**-0.5
    assert attention_scale(64, 16) == attention_scale(16, 16) / 4
