"""The GPT: roles, causality, attention; and what describing a model loads."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from parametrization.shapes.roles import Role
from tests.workers.specs import (
    GPT_OPTIONS,
    TINY_GPT,
    model_spec,
)
from tuner.spec.families.gpt import Gpt
from workers.models.build import build_model
from workers.training.model_shapes import model_shape


def test_roles_of_the_gpt() -> None:
    """In the order in which a seed draws them: another order would be another model."""
    roles = {tensor.name: tensor.role for tensor in model_shape(model_spec(TINY_GPT)).tensors}
    expected = {
        "token.weight": Role.INPUT,
        "position.weight": Role.INPUT,
        "blocks.0.attention_norm.weight": Role.VECTOR,
        "blocks.0.attention.qkv.weight": Role.HIDDEN,
        "blocks.0.attention.out.weight": Role.HIDDEN,
        "blocks.0.feed_forward_norm.weight": Role.VECTOR,
        "blocks.0.feed_forward.up.weight": Role.HIDDEN,
        "blocks.0.feed_forward.down.weight": Role.HIDDEN,
        "norm.weight": Role.FINAL_NORM,
        "readout.weight": Role.OUTPUT,
    }
    assert list(roles.items()) == list(expected.items())


@pytest.mark.parametrize("family", [TINY_GPT, *GPT_OPTIONS])
def test_a_position_sees_the_past_alone(family: Gpt) -> None:
    model = build_model(model_spec(family))
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.5)
    tokens = torch.arange(16)[None]
    changed = tokens.clone()
    changed[0, 9] = 200
    before, after = model(tokens), model(changed)
    assert torch.equal(before[0, :9], after[0, :9])
    assert not torch.isclose(before[0, 9:], after[0, 9:]).all(dim=-1).any()


def test_attention_is_the_textbooks() -> None:
    """Against softmax(q k^T / sqrt(head size)) v, written out head by head."""
    attention = build_model(model_spec(TINY_GPT)).get_submodule("blocks.0.attention")
    x = torch.randn(2, 16, 16, generator=torch.Generator().manual_seed(0))
    qkv, out = attention.get_parameter("qkv.weight"), attention.get_parameter("out.weight")
    q, k, v = torch.split(x @ qkv.T, 16, dim=-1)
    future = torch.ones(16, 16, dtype=torch.bool).triu(1)
    heads = []
    for head in (slice(0, 8), slice(8, 16)):
        scores = q[..., head] @ k[..., head].mT / 8**0.5
        heads.append(scores.masked_fill(future, -torch.inf).softmax(-1) @ v[..., head])
    torch.testing.assert_close(attention(x), torch.cat(heads, dim=-1) @ out.T)


def test_describing_a_model_does_not_load_torchs_compiler() -> None:
    """It takes seconds; nn.Embedding's own initialisation on the meta device would load it."""
    code = (
        "import sys; from tests.workers.specs import OPTIONED_GPT, TINY_GPT, model_spec;"
        "from workers.training.model_shapes import model_shape;"
        "[model_shape(model_spec(family)) for family in (TINY_GPT, OPTIONED_GPT)];"
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
