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

GPT2_DROPOUT = ("attn_pdrop", "embd_pdrop", "resid_pdrop")
GPT2_CROSSED = ("add_cross_attention", "give the tensors of your model")


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


@pytest.mark.parametrize(
    ("name", "change", "unread"),
    [
        ("Llama-3.2-1B", {}, {"rope_scaling"}),
        ("Llama-3.2-1B", {"rope_scaling": {"rope_type": "default"}}, set()),
        ("Llama-3.2-1B", {"attention_dropout": 0.1}, {"rope_scaling", "attention_dropout"}),
        ("Llama-3.2-1B", {"hidden_act": "gelu"}, {"rope_scaling", "hidden_act gelu"}),
        ("Mistral-7B-v0.1", {}, {"sliding_window"}),
        ("Mistral-Nemo-12B", {}, set()),
        ("Qwen2.5-0.5B", {}, set()),
        ("Qwen2.5-0.5B", {"use_sliding_window": True}, {"sliding_window"}),
        ("Qwen3-8B", {"rope_parameters": {"rope_type": "yarn", "factor": 4}}, {"rope_parameters"}),
        ("Qwen3-8B", {"layer_types": ["sliding_attention"] * 36}, {"sliding_window"}),
        ("gpt2", {"scale_attn_weights": False}, {"scale_attn_weights", *GPT2_DROPOUT}),
        ("vit-base-patch16-224", {"hidden_dropout_prob": 0.1}, {"hidden_dropout_prob"}),
    ],
)
def test_fields_that_no_shape_follows_from_are_listed(
    name: str, change: dict[str, Any], unread: set[str]
) -> None:
    assert set(read_target(json.dumps(PUBLISHED[name] | change)).unread) == unread


@pytest.mark.parametrize("name", ["gemma-2-2b", "gemma-3-1b"])
def test_what_gemmas_class_has_where_its_config_is_silent_is_listed_too(name: str) -> None:
    silent = {k: v for k, v in PUBLISHED[name].items() if "soft" not in k and "slid" not in k}
    told = set(read_target(json.dumps(silent)).unread)
    caps = {"attn_logit_softcapping", "final_logit_softcapping"}
    assert "sliding_window" in told
    assert caps & told == (caps if name == "gemma-2-2b" else set())


@pytest.mark.parametrize(("kind", "heads"), [("mistral", 32), ("qwen2", 32), ("llama", 32)])
def test_null_key_heads_are_as_many_as_heads_and_absent_ones_are_the_class_own(
    kind: str, heads: int
) -> None:
    config = PUBLISHED["Llama-3.1-8B"] | {"model_type": kind, "architectures": None}
    assert read_target(json.dumps(config | {"num_key_value_heads": None})).kv_heads == heads
    del config["num_key_value_heads"]
    assert read_target(json.dumps(config)).kv_heads == {"mistral": 8}.get(kind, 32)


def test_a_multimodal_config_is_read_by_its_language_model() -> None:
    inner = {k: v for k, v in PUBLISHED["gemma-3-1b"].items() if k != "model_type"}
    outer = {"model_type": "gemma3", "text_config": inner, "vision_config": {"hidden_size": 1152}}
    read = read_target(json.dumps(outer))
    assert read.tensors == read_target(json.dumps(PUBLISHED["gemma-3-1b"])).tensors
    assert "vision_config" in read.unread


def test_gemma_3_4b_leaves_its_heads_and_vocabulary_to_its_class() -> None:
    inner = {"hidden_size": 2560, "intermediate_size": 10240, "num_hidden_layers": 34}
    read = read_target(json.dumps({"model_type": "gemma3", "text_config": inner}))
    assert (read.heads, read.kv_heads, read.head_size, read.vocabulary) == (8, 4, 256, 262208)


def test_a_byte_order_mark_before_a_config_is_no_part_of_it() -> None:
    text = json.dumps(PUBLISHED["Qwen3-0.6B"])
    assert read_target(f"\N{BYTE ORDER MARK}{text}") == read_target(text)


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"hidden_size": 10**400}, "hidden_size", "a huge number"),
        ({"hidden_size": "wide"}, "hidden_size", "must be a whole number, got 'wide'"),
        ({"hidden_size": True}, "hidden_size", "must be a whole number, got True"),
        ({"hidden_size": 4096.0}, "hidden_size", "must be a whole number, got 4096.0"),
        ({"hidden_size": None}, "hidden_size", "is null, .* give a whole number"),
        ({"num_hidden_layers": 10**6}, "num_hidden_layers", "from 1 to 1024"),
        (
            {"num_key_value_heads": 5},
            "num_key_value_heads",
            "5 does not divide 32, which is num_attention_heads: give one that does",
        ),
        (
            {"num_attention_heads": 30},
            "num_attention_heads",
            "30 does not divide 4096, which is hidden_size",
        ),
        ({"num_attention_heads": "32"}, "num_attention_heads", "whole number, got '32'"),
        ({"vocab_size": 0}, "vocab_size", "from 1 to"),
        ({"hidden_size": -4096}, "hidden_size", "from 1 to 16777216, got -4096"),
        ({"head_dim": 0}, "head_dim", "from 1 to"),
        ({"tie_word_embeddings": None}, "tie_word_embeddings", "is null: give true or false"),
        ({"quantization_config": {"bits": 4}}, "quantization_config", "the model as trained"),
        ({"architectures": ["LlamaForTokenClassification"]}, "architectures", "its head differs"),
        ({"architectures": "LlamaForCausalLM"}, "architectures", "is not read"),
        ({"layer_types": ["full_attention"]}, "layer_types", "has 1 entries and .* is 32"),
        ({"layer_types": ["linear_attention"] * 32}, "layer_types", "other tensors"),
        ({"layer_types": {}}, "layer_types", "must be a list"),
        ({"rope_scaling": "llama3"}, "rope_scaling", "must be an object of rope_type"),
        ({"model_type": "qwen3", "head_dim": None}, "head_dim", "is null"),
        ({"model_type": "gemma2", "num_key_value_heads": None}, "num_key_value_heads", "is null"),
        ({"model_type": None}, "model_type", "is missing: give one of llama"),
        ({"model_type": "gpt2", "n_embd": 768, "add_cross_attention": True}, *GPT2_CROSSED),
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
        read_target(json.dumps(PUBLISHED["Llama-3.1-8B"] | {"architectures": None} | change))
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
