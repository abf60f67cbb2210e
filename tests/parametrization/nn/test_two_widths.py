"""What a model does with width beside its tensors is refused or warned of, not scaled on top of."""

import math
from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch
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


class Scaled(nn.Linear):
    """A Linear whose forward multiplies the weight by a number of its own."""

    def __init__(self, width: int, **numbers: float | torch.Tensor) -> None:
        super().__init__(width, width)
        for name, value in numbers.items():
            if isinstance(value, torch.Tensor):
                self.register_buffer(name, value)
            else:
                setattr(self, name, value)


class SelfAttention(Scaled):
    """By its name."""


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda w: Scaled(w, scale=w**-0.5), r"0\.scale \(0\.176777, then 0\.125\) follows width"),
        (lambda w: Scaled(w, gain=torch.tensor(float(w))), r"0\.gain \(32, then 64\) follows"),
        (lambda w: Scaled(w, a=w**-0.5, b=w**0.5), r"0\.a .* and 1 more like it follows width"),
    ],
)
def test_numbers_of_modules_that_follow_width_are_warned_of(
    build: Callable[[int], nn.Module], words: str
) -> None:
    with pytest.warns(UserWarning, match=words):
        derive_model_shape(nn.Sequential(build(32)), nn.Sequential(build(64)), 32)


@pytest.mark.parametrize(
    "build",
    [
        lambda w: Scaled(w, eps=1e-5, scale=0.25),
        lambda w: Scaled(w, hidden_size=float(w), max_norm=w**0.5),
        lambda w: SelfAttention(w, scale=w**-0.5),
        lambda w: Scaled(w, factor=8.0 / w),
        lambda w: Scaled(w, offset=math.log(w)),
    ],
)
def test_numbers_that_may_follow_width_are_not(build: Callable[[int], nn.Module]) -> None:
    shape = derive_model_shape(nn.Sequential(build(32)), nn.Sequential(build(64)), 32)
    assert shape.tensors[0].role is Role.HIDDEN


def test_torchs_attention_with_heads_that_grow_is_warned_of() -> None:
    def build(width: int, heads: int) -> nn.Module:
        return nn.Sequential(nn.MultiheadAttention(width, heads))

    with pytest.warns(UserWarning, match=r"root of the head size, which grows .*\(8 to 16\)"):
        derive_model_shape(build(32, 4), build(64, 4), 32)
    derive_model_shape(build(32, 4), build(64, 8), 32)
