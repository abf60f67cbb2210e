"""A config.json becomes the tensors that transformers' own model has."""

import json
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tuner.recommendation.described.published import PUBLISHED
from tuner.recommendation.targets.described import IllegalConfiguration
from tuner.recommendation.targets.read import read_target


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_tensors_are_those_of_transformers_own_model(name: str) -> None:
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageClassification

    given_ = dict(PUBLISHED[name])
    config = AutoConfig.for_model(given_.pop("model_type"), **given_)
    kind = AutoModelForImageClassification if name.startswith("vit") else AutoModelForCausalLM
    with torch.device("meta"):
        model = kind.from_config(config)  # type: ignore[no-untyped-call]

    read = read_target(json.dumps(PUBLISHED[name]))

    theirs = {name: tuple(p.shape) for name, p in model.named_parameters()}
    assert {tensor.name: tensor.shape for tensor in read.tensors} == theirs
    assert len(read.tensors) == len(theirs)


def test_heads_times_head_size_is_not_the_width_of_qwen3_and_gemma() -> None:
    qwen, gemma = (read_target(json.dumps(PUBLISHED[n])) for n in ("Qwen3-0.6B", "gemma-2-2b"))
    assert (qwen.width, qwen.heads, qwen.head_size) == (1024, 16, 128)
    assert (gemma.width, gemma.heads, gemma.head_size) == (2304, 8, 256)


def test_fields_that_no_shape_follows_from_are_listed() -> None:
    assert "query_pre_attn_scalar" in read_target(json.dumps(PUBLISHED["gemma-2-2b"])).unread


def test_a_multimodal_config_is_read_by_its_language_model() -> None:
    inner = {k: v for k, v in PUBLISHED["gemma-3-1b"].items() if k != "model_type"}
    outer = {"model_type": "gemma3", "text_config": inner, "vision_config": {}}
    assert read_target(json.dumps(outer)).tensors == (
        read_target(json.dumps(PUBLISHED["gemma-3-1b"])).tensors
    )


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"hidden_size": 10**400}, "hidden_size", "a huge number"),
        ({"hidden_size": "wide"}, "hidden_size", "must be a whole number, got 'wide'"),
        ({"hidden_size": True}, "hidden_size", "must be a whole number, got True"),
        ({"hidden_size": 4096.0}, "hidden_size", "must be a whole number, got 4096.0"),
        ({"hidden_size": None}, "hidden_size", "is missing"),
        ({"num_hidden_layers": 10**6}, "num_hidden_layers", "from 1 to 1024"),
        ({"num_key_value_heads": 5}, "num_key_value_heads", "5 does not divide 32"),
        ({"tie_word_embeddings": "yes"}, "tie_word_embeddings", "must be true or false"),
        ({"model_type": "granite", "logits_scaling": -1}, "logits_scaling", "from 2\\^-24"),
        ({"model_type": "granite", "logits_scaling": "8"}, "logits_scaling", "must be a number"),
        ({"model_type": "vit", "patch_size": 300}, "patch_size", "at most image_size"),
        ({"model_type": "vit", "patch_size": [16]}, "patch_size", "one size or two"),
        ({"model_type": "vit", "image_size": [224, 0]}, "image_size/1", "must be from 1"),
        ({"model_type": "vit", "id2label": []}, "id2label", "must be an object"),
        ({"model_type": "mamba"}, "model_type", "'mamba' is none of llama"),
        ({"model_type": {}}, "model_type", "is none of"),
    ],
)
def test_a_wrong_field_is_named_with_what_it_should_be(
    change: dict[str, Any], field: str, words: str
) -> None:
    with pytest.raises(IllegalConfiguration, match=words) as refusal:
        read_target(json.dumps(PUBLISHED["Llama-3.1-8B"] | change))
    assert refusal.value.field == field


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(["llama", "gpt2", "gemma3", "qwen3"]),
    fields=st.dictionaries(
        st.sampled_from(["hidden_size", "n_embd", "n_head", "text_config", "head_dim", "n_layer"]),
        ANYTHING,
    ),
)
def test_a_hostile_config_is_a_named_error_and_nothing_else(
    kind: str, fields: dict[str, Any]
) -> None:
    with pytest.raises(IllegalConfiguration):
        read_target(json.dumps({"model_type": kind, **fields}))


@pytest.mark.parametrize(
    "text",
    ["[" * 10_000, "{" * 10_000 + "}" * 10_000, "nonsense", "", "[]", '{"a": NaN}', "\x00"],
    ids=["open lists", "deep", "words", "nothing", "a list", "not a number", "a null byte"],
)
def test_what_is_no_configuration_is_said_to_be_none(text: str) -> None:
    with pytest.raises(IllegalConfiguration):
        read_target(text)
