"""What a model does with width beside its tensors is refused or warned of, not scaled on top of."""

from types import SimpleNamespace

import pytest
import transformers
from torch import nn

from parametrization.nn.base_shapes import derive_model_shape
from parametrization.shapes.roles import Role


def granite(width: int, scaling: float) -> nn.Module:
    config = transformers.GraniteConfig(
        vocab_size=64,
        hidden_size=width,
        num_hidden_layers=1,
        num_attention_heads=width // 16,
        num_key_value_heads=width // 16,
        intermediate_size=width,
        logits_scaling=scaling,
        pad_token_id=None,
    )
    return transformers.GraniteForCausalLM(config)


def test_logits_that_a_configuration_divides_by_width_are_refused() -> None:
    with pytest.raises(ValueError, match=r"config\.logits_scaling is 1 in the base .* and 2 in"):
        derive_model_shape(granite(32, 1.0), granite(64, 2.0), 32)
    constant = derive_model_shape(granite(32, 8.0), granite(64, 8.0), 32)
    assert constant.tensors[-1].role is Role.OUTPUT


def test_a_configuration_of_other_things_is_not_read() -> None:
    def build(width: int) -> nn.Module:
        model = nn.Sequential(nn.Linear(3, width))
        model.config = SimpleNamespace(hidden_size=width, scale=1 / width)  # type: ignore[assignment]
        return model

    assert derive_model_shape(build(8), build(16), 8).tensors[0].role is Role.INPUT


def test_rows_that_are_cut_to_one_norm_at_every_width_are_refused() -> None:
    def build(width: int, cap: float) -> nn.Module:
        return nn.Sequential(nn.Embedding(11, width, max_norm=cap))

    with pytest.raises(ValueError, match=r"0 cuts its rows to max_norm=1 .* 1\.41421 there"):
        derive_model_shape(build(32, 1.0), build(64, 1.0), 32)
    assert derive_model_shape(build(32, 1.0), build(64, 2**0.5), 32).tensors[0].is_table


def test_torchs_attention_with_heads_that_grow_is_warned_of() -> None:
    def build(width: int, heads: int) -> nn.Module:
        return nn.Sequential(nn.MultiheadAttention(width, heads))

    with pytest.warns(UserWarning, match=r"root of the head size, which grows .*\(8 to 16\)"):
        derive_model_shape(build(32, 4), build(64, 4), 32)
    derive_model_shape(build(32, 4), build(64, 8), 32)
