"""What each framework is known to get wrong, and how its export stays clear of it."""

import ast
import json
import math
import re
from dataclasses import replace
from typing import Any

import pytest
import yaml

from benchmarks.exports.examples import COSINE, GPT2_LIKE, LLAMA_LIKE, example, examples
from tuner.recommendation.exports import deepspeed, hf_trainer, megatron, nemo_automodel, pytorch
from tuner.recommendation.exports.frameworks.megatron_flags import flags_of, read_by_flags
from tuner.recommendation.exports.protocol.export import Refused
from tuner.recommendation.exports.protocol.python_files import literals
from tuner.recommendation.exports.protocol.registry import EXPORTS
from tuner.recommendation.exports.protocol.selectors import by_pattern
from tuner.recommendation.recommend import Recommendation


def flags(document: Recommendation) -> dict[str, str]:
    return megatron.parsed(EXPORTS["megatron"].render(document)[megatron.ARGUMENTS])


def test_megatrons_output_multiplier_is_absolute_and_never_the_one_that_means_auto() -> None:
    document = examples()["megatron"]
    assert float(flags(document)["mup-output-mult"]) == 1 / 8

    outputs = document.model_copy(
        update={
            "tensors": tuple(
                row.model_copy(update={"multiplier": 1.0}) if row.role == "output" else row
                for row in document.tensors
            )
        }
    )
    said = float(flags(outputs)["mup-output-mult"])
    assert said != 1.0
    assert said == math.nextafter(1.0, 2.0)


def test_megatrons_base_head_size_is_given_so_that_attention_keeps_its_scale() -> None:
    said = flags(examples()["megatron"])
    scale = float(said["mup-base-head-dim"]) ** 0.5 / float(said["kv-channels"])
    assert math.isclose(scale, 1 / math.sqrt(16))


def test_megatrons_warm_up_starts_at_zero_for_all_groups_and_wsd_falls_linearly() -> None:
    said = flags(example(LLAMA_LIKE, schedule={"shape": "wsd", "warmup_fraction": 0.1}, depth=2))
    assert said["lr-warmup-init"] == "0.0"
    assert said["lr-wsd-decay-style"] == "linear"
    assert "decoupled-lr" not in said


def test_megatrons_flags_name_grouped_heads_and_the_feed_forward() -> None:
    said = flags(example({**LLAMA_LIKE, "query_heads_per_kv_head": 4}, depth=2))
    assert said["num-attention-heads"] == "16"
    assert said["num-query-groups"] == "4"
    assert "group-query-attention" in said
    assert said["ffn-hidden-size"] == str(3 * 256)
    assert "untie-embeddings-and-output-weights" in said


def test_megatrons_flags_alone_give_the_decay_of_matrices_to_tables_and_say_so() -> None:
    document = examples()["megatron"]
    lost = {one.what: one.consequence for one in EXPORTS["megatron"].inexpressible(document)}
    words = lost["with the flags alone, weight decay of embedding.word_embeddings.weight"]
    assert words == "trains with 0.8 where 0.1 is recommended"


def test_megatrons_flags_alone_divide_rates_of_matrices_as_the_rules_do() -> None:
    document = examples()["megatron"]
    rows = by_pattern(megatron.numbers(document))
    reading = read_by_flags(flags_of(document, rows, "adam"), rows)
    for row in rows:
        assert reading.of(row.names[0]).learning_rate == pytest.approx(row.learning_rate)


def test_megatrons_overrides_reach_norms_that_transformer_engine_fused() -> None:
    text = EXPORTS["megatron"].render(examples()["megatron"])[megatron.OVERRIDES]
    names = {name for globs in literals(text)["TENSORS"] for name in globs}
    assert "*decoder.layers.*.self_attention.linear_qkv.layer_norm_weight" in names
    assert "*decoder.layers.*.mlp.linear_fc1.layer_norm_weight" in names


def test_megatron_takes_a_router_for_a_matrix_so_experts_are_refused() -> None:
    with pytest.raises(Refused, match=r"no place for blocks\.\*\.feed_forward\.router"):
        EXPORTS["megatron"].render(example({**LLAMA_LIKE, "experts": 2}, depth=2))


def test_fused_queries_keys_and_values_of_unequal_numbers_are_refused_in_one_tensor() -> None:
    document = example({**LLAMA_LIKE, "query_heads_per_kv_head": 2}, depth=2)
    rows = tuple(
        row.model_copy(update={"learning_rate": 2 * row.learning_rate})
        if row.pattern.endswith("attention.kv.weight")
        else row
        for row in document.tensors
    )
    with pytest.raises(Refused, match=r"keeps .*attention\.q\..* in one tensor.*numbers differ"):
        EXPORTS["megatron"].render(document.model_copy(update={"tensors": rows}))


def test_residual_multipliers_are_no_megatron_flag() -> None:
    lost = EXPORTS["megatron"].inexpressible(example(LLAMA_LIKE, depth=4))
    assert "residual multiplier" in {one.what for one in lost}


def test_every_pattern_of_torchtitan_matches_and_the_first_match_is_the_tensors_own() -> None:
    document = examples()["torchtitan"]
    (text,) = EXPORTS["torchtitan"].render(document).values()
    groups = literals(text)["PARAM_GROUPS"]
    names = [name for row in EXPORTS["torchtitan"].numbers(document) for name in row.names]
    for name in names:
        assert len([pattern for pattern, _ in groups if re.search(pattern, name)]) == 1
    for pattern, kwargs in groups:
        assert any(re.search(pattern, name) for name in names)
        assert kwargs.keys() == {"lr", "betas", "eps", "weight_decay"}
    assert "config.training.max_norm = 1e30" in text


def test_torchtitan_is_told_what_its_plain_blocks_leave_out() -> None:
    lost = EXPORTS["torchtitan"].inexpressible(example(LLAMA_LIKE, depth=4))
    assert {one.what for one in lost} >= {"residual multiplier", "attention scale"}
    parts = EXPORTS["torchtitan"].inexpressible(example({"name": "gpt", "depth": 2}, depth=2))
    assert "position.weight" in {one.what for one in parts}


def test_granites_logits_are_divided_and_its_attention_is_scaled_by_the_head_size() -> None:
    document = examples()["hf-trainer"]
    config = json.loads(EXPORTS["hf-trainer"].render(document)[hf_trainer.CONFIG])
    assert config["logits_scaling"] == 8.0
    assert config["residual_multiplier"] == 0.5
    assert config["attention_multiplier"] == 1 / math.sqrt(16)
    assert config["embedding_multiplier"] == 1.0


def test_models_unlike_granite_get_the_script_alone() -> None:
    document = example({"name": "gpt", "depth": 2}, depth=2)
    assert EXPORTS["hf-trainer"].render(document).keys() == {pytorch.FILE}
    (lost,) = EXPORTS["hf-trainer"].inexpressible(document)
    assert lost.what == "multipliers in config.json"


def test_hugging_faces_trainer_is_told_not_to_clip() -> None:
    text = EXPORTS["hf-trainer"].render(examples()["hf-trainer"])[pytorch.FILE]
    assert literals(text)["TRAINING_ARGUMENTS"] == {"max_steps": 200, "max_grad_norm": 0.0}
    assert "hook" not in text.split("def set_multipliers")[0]


def test_deepspeeds_config_names_no_optimizer_and_no_scheduler() -> None:
    files = EXPORTS["deepspeed"].render(examples()["deepspeed"])
    config = json.loads(files[deepspeed.CONFIG])
    assert config.keys() == {
        "train_batch_size",
        "gradient_clipping",
        "zero_allow_untested_optimizer",
    }
    with pytest.raises(ValueError, match="scheduler of the config would replace"):
        EXPORTS["deepspeed"].read({**files, deepspeed.CONFIG: json.dumps({"scheduler": {}})})


def test_automodels_warm_up_starts_at_its_first_step_and_its_floors_are_multiplied() -> None:
    document = example(LLAMA_LIKE, schedule=COSINE, depth=2)
    (text,) = EXPORTS["nemo-automodel"].render(document).values()
    config: dict[str, Any] = yaml.safe_load(text)
    rate, schedule = config["optimizer"]["lr"], config["lr_scheduler"]
    assert schedule["init_lr"] == pytest.approx(rate / 20)
    assert schedule["lr_warmup_steps"] == 19
    assert schedule["min_lr"] == pytest.approx(0.1 * rate)
    reading = nemo_automodel.read({nemo_automodel.FILE: text})
    assert reading.factor is not None
    assert [reading.factor(step) for step in (0, 9, 19)] == pytest.approx([0.05, 0.5, 1.0])


def test_olmo_core_refuses_a_parameter_of_two_overrides_and_so_does_the_reader() -> None:
    files = dict(EXPORTS["olmo-core"].render(examples()["olmo-core"]))
    (name,) = files
    files[name] = files[name].replace("GROUPS = [\n", "GROUPS = [\n    (['*'], {'lr': 1.0}),\n")
    with pytest.raises(LookupError, match="2 overrides match"):
        EXPORTS["olmo-core"].read(files).of("embeddings.weight")


def test_olmo_core_counts_updates_from_one_and_no_floor_of_its_own_is_set() -> None:
    (text,) = EXPORTS["olmo-core"].render(examples()["olmo-core"]).values()
    assert "factor(max(current, 1) - 1, t_max)" in text
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    given = {keyword.arg for call in calls for keyword in call.keywords}
    assert given.isdisjoint({"warmup_min_lr", "decay_min_lr", "alpha_f"})
    assert literals(text)["BLOCK"]["feed_forward_residual_alpha"] == 0.5


def test_nanogpt_mup_ties_its_readout_so_that_others_are_refused() -> None:
    gpt = {"name": "gpt", "depth": 2, "norm": "layernorm"}
    with pytest.raises(Refused, match="ties the readout to the embedding"):
        EXPORTS["nanogpt-mup"].render(example(gpt, schedule=COSINE, depth=2))


def test_nanogpt_mup_has_the_cosine_alone() -> None:
    with pytest.raises(Refused, match="has no schedule linear"):
        EXPORTS["nanogpt-mup"].render(example(GPT2_LIKE, depth=2))


def test_nanogpt_mup_scales_attention_as_the_proxies_and_logits_as_the_tied_family() -> None:
    (text,) = EXPORTS["nanogpt-mup"].render(examples()["nanogpt-mup"]).values()
    said = literals(text)
    assert said["mup_disable_attention_scaling"] is True
    assert said["mup_output_alpha"] / said["mup_width_multiplier"] == pytest.approx(1 / 8 / 8)
    assert said["depth_multiplier"] == 2.0


@pytest.mark.parametrize("study", ["muon_spectral", "muon_original", "muon_match_rms_adamw"])
@pytest.mark.parametrize("name", ["muon", "dion"])
def test_a_muon_of_another_convention_makes_the_same_step_and_decays_the_same(
    name: str, study: str
) -> None:
    """The step is rate x factor, the decay rate x decay: both as the study's own."""
    document = example(LLAMA_LIKE, optimizer=study, depth=2)
    (text,) = EXPORTS[name].render(document).values()
    found = literals(text)
    down = next(row for row in document.tensors if row.pattern.endswith("down.weight"))
    rows, columns = down.shape
    ours = {
        "muon_spectral": math.sqrt(rows / columns),
        "muon_original": 1.0,
        "muon_match_rms_adamw": 0.2 * math.sqrt(max(rows, columns)),
    }[study]
    if name == "muon":
        rate, decay = found["MUON"][down.pattern][3:5]
        theirs = math.sqrt(max(1, rows / columns))
    else:
        group = found["GROUPS"][down.pattern]
        rate, decay, theirs = group["lr"], group["weight_decay"], math.sqrt(rows / columns)
    assert rate * theirs == pytest.approx(down.learning_rate * ours)
    assert rate * decay == pytest.approx(down.learning_rate * down.weight_decay)


def test_matrices_that_share_a_tensor_are_split_by_dion_and_listed_by_torchs_muon() -> None:
    document = examples()["muon"]
    shapes = document.base_shapes
    split = tuple(
        replace(tensor, parts=(1, 1, 1)) if tensor.name.endswith("qkv.weight") else tensor
        for tensor in shapes.tensors
    )
    document = document.model_copy(update={"base_shapes": replace(shapes, tensors=split)})
    lost = {one.what for one in EXPORTS["muon"].inexpressible(document)}
    assert "parts of blocks.*.attention.qkv.weight" in lost
    (text,) = EXPORTS["dion"].render(document).values()
    group = literals(text)["GROUPS"]["blocks.*.attention.qkv.weight"]
    assert group["split_sizes"] == [256, 256, 256]
