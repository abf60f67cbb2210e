"""Tiny models of transformers by width, built from their configurations: nothing is downloaded."""

from collections.abc import Callable
from typing import Any, Final

import transformers
from torch import nn

VOCABULARY: Final = 256
HEAD: Final = 16
_TEXT: Final[dict[str, Any]] = {
    "vocab_size": VOCABULARY,
    "max_position_embeddings": 32,
    "bos_token_id": 0,
    "eos_token_id": 0,
    "pad_token_id": None,
}


def _sizes(width: int) -> dict[str, Any]:
    return {
        "hidden_size": width,
        "num_hidden_layers": 2,
        "num_attention_heads": width // HEAD,
        "intermediate_size": 2 * width,
    }


def gpt2(width: int) -> nn.Module:
    """A readout tied to the table, and Conv1D for Linear."""
    config = transformers.GPT2Config(
        vocab_size=VOCABULARY,
        n_positions=32,
        n_embd=width,
        n_layer=2,
        n_head=width // HEAD,
        attn_pdrop=0.0,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        bos_token_id=0,
        eos_token_id=0,
    )
    return transformers.GPT2LMHeadModel(config)


def llama(width: int) -> nn.Module:
    """A norm of its own and grouped keys, as many as width allows."""
    config = transformers.LlamaConfig(
        **_sizes(width), **_TEXT, num_key_value_heads=width // (2 * HEAD)
    )
    return transformers.LlamaForCausalLM(config)


def qwen2(width: int) -> nn.Module:
    """Keys and values of two heads at every width."""
    config = transformers.Qwen2Config(**_sizes(width), **_TEXT, num_key_value_heads=2)
    return transformers.Qwen2ForCausalLM(config)


def qwen3(width: int) -> nn.Module:
    """A norm over heads of fixed size."""
    config = transformers.Qwen3Config(
        **_sizes(width), **_TEXT, num_key_value_heads=width // HEAD, head_dim=HEAD
    )
    return transformers.Qwen3ForCausalLM(config)


def mixtral(width: int) -> nn.Module:
    """Stacked experts behind a router of transformers' own."""
    config = transformers.MixtralConfig(
        **_sizes(width),
        **_TEXT,
        num_key_value_heads=width // HEAD,
        num_local_experts=4,
        num_experts_per_tok=2,
    )
    return transformers.MixtralForCausalLM(config)


def bert(width: int) -> nn.Module:
    """A tied readout whose bias its head holds as well."""
    config = transformers.BertConfig(
        **_sizes(width),
        vocab_size=VOCABULARY,
        max_position_embeddings=32,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    return transformers.BertForMaskedLM(config)


def vit(width: int) -> nn.Module:
    """A class token and a position table as raw parameters."""
    named = dict.fromkeys(range(10), "a class")
    config = transformers.ViTConfig(**_sizes(width), image_size=32, patch_size=8, id2label=named)
    return transformers.ViTForImageClassification(config)


def mamba(width: int) -> nn.Module:
    """A state space with a time step of one rank at every width: its default grows by steps."""
    config = transformers.MambaConfig(
        vocab_size=VOCABULARY,
        hidden_size=width,
        num_hidden_layers=2,
        state_size=8,
        time_step_rank=4,
        tie_word_embeddings=False,
        use_mambapy=False,
    )
    return transformers.MambaForCausalLM(config)


def t5(width: int, *, scales: bool = True) -> nn.Module:
    """One table for encoder, decoder and readout.

    Args:
        scales: whether logits are multiplied by 1/sqrt(width), as is transformers' default.

    """
    config = transformers.T5Config(
        vocab_size=VOCABULARY,
        d_model=width,
        d_kv=HEAD,
        d_ff=2 * width,
        num_layers=2,
        num_heads=width // HEAD,
        dropout_rate=0.0,
    )
    model = transformers.T5ForConditionalGeneration(config)
    model.config.scale_decoder_outputs = scales
    return model


MODELS: Final[dict[str, Callable[[int], nn.Module]]] = {
    "gpt2": gpt2,
    "llama": llama,
    "qwen2": qwen2,
    "qwen3": qwen3,
    "mixtral": mixtral,
    "bert": bert,
    "vit": vit,
}
