"""Megatron's arguments, and nanoGPT's and torchtitan's files, which are parsed and never run."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuner.recommendation.targets.described import DescribedTarget, IllegalConfiguration
from tuner.recommendation.targets.read import read_target

MEGATRON = """
--num-layers 32 --hidden-size 4096 --num-attention-heads 32 \\
--group-query-attention --num-query-groups 8
--ffn-hidden-size 14336 --swiglu --disable-bias-linear --normalization RMSNorm
--position-embedding-type rope --untie-embeddings-and-output-weights
--vocab-size 128256 --seq-length 8192 --max-position-embeddings 8192
"""
NANOGPT = "n_layer = 24\nn_head = 16\nn_embd = 1024\nbias = False\nblock_size = 1024\n"
TORCHTITAN = """
def _8b(attn_backend):
    dim = 4096
    n_heads = 32
    return Llama3Model.Config(
        dim=dim,
        vocab_size=128256,
        layers=_build_llama3_layers(
            n_layers=32,
            dim=dim,
            n_heads=n_heads,
            n_kv_heads=8,
            hidden_dim=compute_ffn_hidden_dim(dim, multiple_of=1024, ffn_dim_multiplier=1.3),
        ),
    )
"""


def shapes(target: DescribedTarget) -> dict[str, tuple[int, ...]]:
    return {tensor.name: tensor.shape for tensor in target.tensors}


def test_megatrons_arguments_fuse_queries_with_grouped_keys_and_gates_with_inputs() -> None:
    read = shapes(read_target(MEGATRON))
    assert read["decoder.layers.0.self_attention.linear_qkv.weight"] == (4096 + 2 * 1024, 4096)
    assert read["decoder.layers.31.mlp.linear_fc1.weight"] == (2 * 14336, 4096)
    assert read["output_layer.weight"] == (128256, 4096)
    assert not any(name.endswith(".bias") for name in read)


def test_query_groups_count_only_with_grouped_attention_and_the_vocabulary_is_padded() -> None:
    text = MEGATRON.replace("--group-query-attention", "").replace("128256", "50257")
    read = read_target(text)
    assert read.kv_heads == 32
    assert read.vocabulary == 50304


def test_swiglu_without_a_size_is_rounded_down_to_64_and_readouts_are_tied_by_default() -> None:
    text = MEGATRON.replace("--ffn-hidden-size 14336", "")
    read = read_target(text.replace("--untie-embeddings-and-output-weights", ""))
    assert read.feed_forward == 8 * 4096 // 3 // 64 * 64
    assert read.tied


def test_nanogpt_is_always_tied_and_its_vocabulary_is_its_default() -> None:
    read = read_target(NANOGPT)
    assert read.tied
    assert shapes(read)["transformer.wte.weight"] == (50304, 1024)
    assert shapes(read)["transformer.h.0.mlp.c_fc.weight"] == (4096, 1024)


def test_torchtitans_feed_forward_is_rounded_up_to_its_multiple() -> None:
    read = read_target(TORCHTITAN)
    assert read.feed_forward == 14336
    assert shapes(read)["layers.0.attention.qkv_linear.wk.weight"] == (1024, 4096)


def test_a_file_of_several_models_is_not_guessed_from() -> None:
    with pytest.raises(IllegalConfiguration, match="has two values") as refusal:
        read_target(TORCHTITAN + TORCHTITAN.replace("32,", "80,"))
    assert refusal.value.field == "n_layers"


def test_no_python_of_a_configuration_runs(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    evil = f"open({str(mark)!r}, 'w').write('')\n__import__('os').abort()\n"
    read_target(evil + NANOGPT)
    assert not mark.exists()


SCRIPT = """
#!/bin/bash
# Megatron's own examples are arrays of a script
HIDDEN=1024
MODEL_ARGS=(
    --num-layers 24  # blocks
    --hidden-size $HIDDEN
    --num-attention-heads 16 --vocab-size 50257
    --seq-length 1024 --max-position-embeddings 1024
    --swiglu
)
torchrun --nproc_per_node 8 pretrain_gpt.py "${MODEL_ARGS[@]}"
"""


def test_a_script_of_megatron_is_read_with_its_comments_arrays_and_variables() -> None:
    read = read_target(SCRIPT)
    assert (read.width, read.depth, read.heads, read.head_size) == (1024, 24, 16, 64)
    assert read.feed_forward == 8 * 1024 // 3 // 64 * 64


@pytest.mark.parametrize(
    ("text", "field", "words"),
    [
        (MEGATRON.replace("heads 32", "heads 24"), "num-attention-heads", "24 does not divide"),
        (MEGATRON + "--num-experts 8", "num-experts", "a model of other tensors"),
        (MEGATRON + "--multi-latent-attention", "multi-latent-attention", "of other tensors"),
        (MEGATRON.replace("RMSNorm", "rms"), "normalization", "one of LayerNorm, RMSNorm"),
        (MEGATRON.replace("rope", "alibi"), "position-embedding-type", "one of learned_absolute"),
        (MEGATRON.replace("4096", "$WIDTH"), "hidden-size", "whole number, got '\\$WIDTH'"),
        (NANOGPT + "n_layer = 12\n", "n_layer", "has two values"),
        (NANOGPT.replace("1024\nbias", "width\nbias"), "n_embd", "whole number, got 'width'"),
        (NANOGPT + "init_from = 'gpt2-xl'\n", "init_from", "starts from trained weights"),
        (NANOGPT + "dataset = 'shakespeare_char'\n", "vocab_size", "meta.pkl"),
        (NANOGPT.replace("n_head = 16", "n_head = 12"), "n_head", "12 does not divide 1024"),
        (TORCHTITAN.replace("Llama3Model", "Qwen3Model"), "dim", "only Llama3Model.Config"),
        (TORCHTITAN.replace("n_kv", "qk_norm=True, n_kv"), "qk_norm", "of other tensors"),
        (TORCHTITAN.replace("n_heads = 32", "n_heads = 30"), "n_heads", "30 does not divide 4096"),
        ('[model]\nname = "llama3"\nflavor = "8B"\n', "", "none of its sizes"),
        ("hidden_size: 4096\nnum_layers: 32\n", "", "names no size of a model: give a Hugging"),
    ],
)
def test_what_a_configuration_cannot_be_read_for_is_named_with_its_remedy(
    text: str, field: str, words: str
) -> None:
    with pytest.raises(IllegalConfiguration, match=words) as refusal:
        read_target(text)
    assert refusal.value.field == field


def test_nanogpts_own_defaults_fill_what_a_file_or_a_command_line_does_not_override() -> None:
    by_file = read_target("batch_size = 12\nblock_size = 1024\nmax_iters = 600000\n")
    assert (by_file.width, by_file.depth, by_file.heads) == (768, 12, 12)
    by_line = read_target("python train.py --n_layer=4 --n_head=4 --n_embd=256 --dropout=0.2")
    assert (by_line.width, by_line.depth, by_line.unread) == (256, 4, ("dropout",))
    assert read_target("n_embd: int = 64 * 12\nn_head = 12\n").width == 768


def test_torchtitans_arguments_of_v0_2_2_compute_the_feed_forward() -> None:
    text = (
        "args = TransformerModelArgs(dim=4096, n_layers=32, n_heads=32, n_kv_heads=8,"
        " ffn_dim_multiplier=1.3, multiple_of=1024, vocab_size=128256,"
        " rope=RoPEArgs(dim=128))"
    )
    assert shapes(read_target(text)) == shapes(read_target(TORCHTITAN))


@pytest.mark.parametrize(
    "text",
    [
        "n_embd = 10 ** 9 ** 9\nn_head = 1\nn_layer = 1",
        "n_embd = 1024\nn_head = 0\nn_layer = 2",
        "(" * 5_000,
        "dim = compute_ffn_hidden_dim(1, multiple_of=0)",
        "--num-layers 12 --hidden-size 99999999999999999999999",
        "--hidden-size 'unclosed",
        "--hidden-size 4096 --num-layers -3 --num-attention-heads 32",
    ],
    ids=["a power", "no heads", "deep", "no multiple", "huge", "open quote", "negative"],
)
def test_hostile_files_are_named_errors(text: str) -> None:
    with pytest.raises(IllegalConfiguration):
        read_target(text)


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_a_named_error_or_a_target(text: str) -> None:
    try:
        read_target(text)
    except IllegalConfiguration:
        return
