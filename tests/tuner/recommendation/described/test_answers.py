"""An answer for a described target: every tensor grows by factors of its own."""

import json
import math
from typing import Any

import pytest
import torch
from torch import nn

from benchmarks.exports import examples as known
from benchmarks.exports.examples import GPT2_LIKE, LLAMA_LIKE, shape_of
from parametrization.scaling.multipliers import Multipliers
from parametrization.shapes.family_sizes import TIED_SCALE
from parametrization.shapes.roles import Role, TensorShape
from tests.parametrization.builders import scale_tensor
from tests.tuner.builders import spec, study
from tests.tuner.recommendation.described.published import PUBLISHED
from tuner.recommendation.exports.protocol.registry import EXPORTS
from tuner.recommendation.exports.protocol.ten_steps import TOLERANCE, round_trip
from tuner.recommendation.recommend import Recommendation, recommend
from tuner.recommendation.targets.described import IllegalConfiguration
from tuner.recommendation.targets.read import read_target
from widthwise.recommendation import Recommendation as Training
from workers.training.model_shapes import model_shape

TIED: dict[str, Any] = {**LLAMA_LIKE, "tied": True}
SMALL = PUBLISHED["Llama-3.1-8B"] | {
    **{"hidden_size": 96, "intermediate_size": 256, "num_attention_heads": 8, "head_dim": 32},
    **{"num_key_value_heads": 2, "num_hidden_layers": 2, "vocab_size": 256},
}


def answer(family: dict[str, Any], config: dict[str, Any]) -> Recommendation:
    asked = spec(family=family, target={"width": 256, "depth": 2})
    record = study(spec=asked, shape=model_shape(known._proxy(asked)))
    evidence = known._evidence(record, "adamw")
    target = read_target(json.dumps(config))
    return recommend(record, evidence, described=target, batch_size=16, tokens=200 * 16 * 32)


def test_each_growing_dimension_has_a_multiplier_of_its_own() -> None:
    tensor = TensorShape("w", Role.HIDDEN, (32, 64), (True, True), 1, 0)
    numbers = {"learning_rate": 1.0, "init_std": 1.0, "output_multiplier": 1.0}
    adam = {"beta1": 0.9, "beta2": 0.95, "epsilon": 1e-8, "weight_decay": 0.1}
    mults = Multipliers(width=4)

    scaled = scale_tensor(tensor, numbers | adam, mults, optimizer="adamw", target_shape=(128, 640))

    assert scaled.shape == (128, 640)
    assert scaled.learning_rate == 1 / 10
    assert scaled.weight_decay == pytest.approx(1.0)
    assert scaled.init_std == pytest.approx(1 / math.sqrt(640))


def test_heads_and_feed_forward_of_other_growth_get_rates_of_their_own_fan_in() -> None:
    rows = {row.pattern: row for row in answer(TIED, PUBLISHED["gemma-2-2b"]).tensors}
    base = rows["model.embed_tokens.weight"].learning_rate
    growth = {
        "model.layers.*.self_attn.q_proj.weight": 2304 / 32,
        "model.layers.*.self_attn.o_proj.weight": 8 * 256 / 32,
        "model.layers.*.mlp.down_proj.weight": 9216 / 96,
    }
    for pattern, m in growth.items():
        assert rows[pattern].learning_rate == pytest.approx(base / m)
    assert rows["model.embed_tokens.weight"].multiplier == pytest.approx(TIED_SCALE / 72)


def test_what_the_study_has_nothing_like_is_listed_and_spoken_against() -> None:
    qwen = answer(LLAMA_LIKE, PUBLISHED["Qwen2.5-7B"])
    assert qwen.described is not None
    biases = tuple(f"model.layers.*.self_attn.{x}_proj.bias" for x in "qkv")
    assert qwen.described.unmapped == biases
    assert qwen.verdict == "abstain"
    assert "k_proj.bias" in qwen.reasons[0].words
    names = {name for row in qwen.tensors for name in row.names}
    assert not any(name.endswith("bias") for name in names)


def test_gains_over_all_heads_are_none_of_one_head() -> None:
    per_head = {**LLAMA_LIKE, "qk_norm": True}
    olmo = answer(per_head, PUBLISHED["OLMo-2-7B"]).described
    qwen = answer(per_head, PUBLISHED["Qwen3-8B"]).described
    assert olmo is not None
    assert "model.layers.*.self_attn.q_norm.weight" in olmo.unmapped
    assert qwen is not None
    assert qwen.unmapped == ()


def test_grouped_heads_that_the_proxies_had_not_are_a_reason_for_caution() -> None:
    words = [reason.words for reason in answer(LLAMA_LIKE, PUBLISHED["Llama-3.1-8B"]).reasons]
    assert any("4 query heads share one key and value head" in said for said in words)
    grouped = answer({**LLAMA_LIKE, "query_heads_per_kv_head": 2}, PUBLISHED["Llama-3.1-8B"])
    assert not any("query heads share" in reason.words for reason in grouped.reasons)


def test_a_tied_target_of_an_untied_study_is_refused() -> None:
    with pytest.raises(IllegalConfiguration, match="tie_word_embeddings: is true and the study's"):
        answer(LLAMA_LIKE, PUBLISHED["gemma-2-2b"])


def test_gpt2s_matrices_are_scaled_by_the_side_that_is_summed_over() -> None:
    rows = {row.pattern: row for row in answer(GPT2_LIKE, PUBLISHED["gpt2"]).tensors}
    down = rows["transformer.h.*.mlp.c_proj.weight"]
    assert down.shape == (3072, 768)
    assert down.init_std == pytest.approx(1 / math.sqrt(3072))


@pytest.mark.parametrize("name", ["torch", "torchtitan", "olmo-core", "megatron", "mup"])
def test_the_answer_is_exported_by_the_targets_own_shapes(name: str) -> None:
    document = answer(LLAMA_LIKE, SMALL)
    back = round_trip(EXPORTS[name], document)
    assert {one.number for one in back if one.relative > TOLERANCE} <= {"schedule"}


def test_megatrons_fused_matrix_trains_with_the_smallest_epsilon_and_says_so() -> None:
    document = answer(LLAMA_LIKE, SMALL)
    lost = {one.what for one in EXPORTS["megatron"].inexpressible(document)}
    assert "epsilon of decoder.layers.*.self_attention.linear_qkv.weight" in lost
    rows = {row.pattern: row for row in EXPORTS["megatron"].numbers(document)}
    fused = rows["decoder.layers.*.self_attention.linear_qkv.weight"]
    query = next(row for row in document.tensors if row.pattern.endswith("q_proj.weight"))
    assert fused.epsilon == query.epsilon
    assert fused.shape == (8 * 32 + 2 * 2 * 32, 96)


SMALL_GRANITE = SMALL | {"model_type": "granite", "head_dim": None, "logits_scaling": 8.0}
SMALL_VIT = {
    **{"model_type": "vit", "hidden_size": 96, "num_hidden_layers": 2, "num_attention_heads": 6},
    **{"image_size": 32, "patch_size": 8, "qkv_bias": False, "num_labels": 7},
}


def test_granites_config_is_written_anew_with_the_multipliers_of_the_answer() -> None:
    document = answer(LLAMA_LIKE, SMALL_GRANITE)
    assert document.described is not None
    wanted = {one.field: one.wanted for one in document.described.multipliers}
    assert document.described.unread == ("rope_scaling",)
    words = [reason.words for reason in document.reasons]
    assert any("logits_scaling 3 instead of 8" in said for said in words)

    written = json.loads(EXPORTS["hf-trainer"].render(document)["config.json"])
    assert written.items() >= wanted.items()
    assert written["logits_scaling"] == pytest.approx(96 / 32)
    assert written["attention_multiplier"] == pytest.approx(math.sqrt(16) / (96 // 8))
    again = answer(LLAMA_LIKE, written)
    assert [row.shape for row in again.tensors] == [row.shape for row in document.tensors]
    assert not any("instead of" in reason.words for reason in again.reasons)
    back = round_trip(EXPORTS["hf-trainer"], document)
    assert max(one.relative for one in back) <= TOLERANCE


def test_a_tied_granite_divides_by_the_scale_of_the_proxies_readout_too() -> None:
    document = answer(TIED, SMALL_GRANITE | {"tie_word_embeddings": True})
    written = json.loads(EXPORTS["hf-trainer"].render(document)["config.json"])
    assert written["logits_scaling"] == pytest.approx(96 / 32 / TIED_SCALE)


def test_a_vision_transformers_kernel_starts_by_the_entries_of_its_own_patches() -> None:
    asked = {"name": "vit", "depth": 2}
    document = answer(asked, SMALL_VIT)
    rows = {row.pattern: row for row in document.tensors}
    kernel = rows["vit.embeddings.patch_embeddings.projection.weight"]
    assert (kernel.role, kernel.shape) == (Role.INPUT, (96, 3, 8, 8))
    assert kernel.init_std == pytest.approx(1 / math.sqrt(3 * 8 * 8))
    places = rows["vit.embeddings.position_embeddings"]
    assert (places.shape, places.init_std) == ((1, 17, 96), 1.0)
    query = rows["vit.layers.*.attention.q_proj.weight"]
    assert query.learning_rate == pytest.approx(kernel.learning_rate / 3)
    assert rows["classifier.weight"].multiplier == pytest.approx(1 / 3)
    assert document.described is not None
    assert document.described.unmapped == (
        "vit.embeddings.cls_token",
        "vit.layers.*.attention.o_proj.bias",
    )


def own(config: dict[str, Any], **fields: object) -> dict[str, Any]:
    """The tensors of that target, as a model of the reader's own lists them."""
    target = read_target(json.dumps(config))
    tensors = [
        {"name": one.name, "shape": list(one.shape), "transposed": one.transposed}
        for one in target.tensors
    ]
    return {"width": target.width, "depth": target.depth, "tensors": tensors, **fields}


@pytest.mark.parametrize(
    ("family", "name"),
    [
        (LLAMA_LIKE, "Llama-3.1-8B"),
        ({**LLAMA_LIKE, "qk_norm": True}, "Qwen3-8B"),
        ({**LLAMA_LIKE, "qk_norm": True}, "OLMo-2-7B"),
        (GPT2_LIKE, "gpt2"),
        ({"name": "vit", "depth": 2}, "vit-base-patch16-224"),
    ],
)
def test_an_own_models_tensors_get_the_numbers_of_the_config_that_describes_them(
    family: dict[str, Any], name: str
) -> None:
    by_config, by_tensors = answer(family, PUBLISHED[name]), answer(family, own(PUBLISHED[name]))
    listed = {row.pattern: row for row in by_tensors.tensors}
    bare = {p: row for p, row in listed.items() if "embeddings." not in p or "patch" in p}
    assert bare == {row.pattern: row for row in by_config.tensors if row.pattern in bare}
    assert len(bare) >= len(by_config.tensors) - 1  # a bare table of positions has no module


def test_a_model_of_the_studys_own_names_is_matched_by_them() -> None:
    shape = shape_of(LLAMA_LIKE)
    tensors = [{"name": t.name, "base_shape": list(t.shape_at(4))} for t in shape.tensors]
    document = answer(LLAMA_LIKE, {"base_width": 128, "depth": 2, "tensors": tensors})
    assert document.described is not None
    assert document.described.unmapped == ()
    rates = {row.pattern: row.learning_rate for row in document.tensors}
    assert rates["blocks.*.attention.out.weight"] == pytest.approx(rates["token.weight"] / 4)


def test_an_own_model_without_the_studys_readout_is_asked_about_its_tying() -> None:
    untied = own(SMALL)
    untied["tensors"] = [one for one in untied["tensors"] if one["name"] != "lm_head.weight"]
    with pytest.raises(IllegalConfiguration, match="where the target's is tied"):
        answer(LLAMA_LIKE, untied)
    with pytest.raises(IllegalConfiguration, match="tie_word_embeddings: is true"):
        answer(LLAMA_LIKE, {**untied, "tied": True})


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"tensors": []}, "tensors"),
        ({"tensors": {}}, "tensors"),
        ({"tensors": [7]}, "tensors/0"),
        ({"tensors": [{"name": "", "shape": [1]}]}, "tensors/0/name"),
        ({"tensors": [{"name": "a", "shape": [0]}]}, "tensors/0/shape"),
        ({"tensors": [{"name": "a", "shape": [True]}]}, "tensors/0/shape"),
        ({"tensors": [{"name": "a", "shape": [1] * 9}]}, "tensors/0/shape"),
        ({"tensors": [{"name": "a", "shape": [1]}] * 2}, "tensors/1/name"),
        ({"tensors": [{"name": "a", "shape": [1], "transposed": 1}]}, "tensors/0/transposed"),
        ({"depth": None}, "depth"),
        ({"width": None}, "width"),
        ({"tied": "no"}, "tied"),
    ],
)
def test_a_wrong_list_of_tensors_is_named(change: dict[str, Any], field: str) -> None:
    with pytest.raises(IllegalConfiguration) as refusal:
        read_target(json.dumps(own(SMALL) | change))
    assert refusal.value.field == field


def test_the_library_trains_the_targets_own_model_from_the_answer() -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    given = {k: v for k, v in SMALL.items() if k != "model_type"}
    model: nn.Module = LlamaForCausalLM(LlamaConfig(**given))
    document = json.loads(answer(LLAMA_LIKE, SMALL).model_dump_json())

    prepared = Training.from_document(document).apply(model, seed=0, despite_abstain=True)

    rates = {group["lr"] for group in prepared.optimizer.param_groups}
    assert len(rates) > 2
    down = model.get_parameter("model.layers.0.mlp.down_proj.weight")
    assert torch.std(down).item() == pytest.approx(1 / 16, rel=0.05)
