"""Sizes of public models, as their config.json on the hub has them."""

from typing import Any, Final


def _llama(  # one argument a field
    width: int,
    layers: int,
    heads: int,
    kv_heads: int,
    feed_forward: int,
    vocabulary: int,
    **fields: Any,  # noqa: ANN401
) -> dict[str, Any]:
    return {
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "intermediate_size": feed_forward,
        "vocab_size": vocabulary,
        **fields,
    }


def _granite(logits: float, attention: float) -> dict[str, Any]:
    return {
        "model_type": "granite",
        "tie_word_embeddings": True,
        "embedding_multiplier": 12.0,
        "logits_scaling": logits,
        "residual_multiplier": 0.22,
        "attention_multiplier": attention,
    }


def _vit(width: int, layers: int, heads: int) -> dict[str, Any]:
    return {
        "model_type": "vit",
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": 4 * width,
        "id2label": {str(label): f"class {label}" for label in range(1000)},
    }


def _llama3(factor: float) -> dict[str, Any]:
    bands = {"low_freq_factor": 1.0, "high_freq_factor": 4.0}
    scaling = {"rope_type": "llama3", "factor": factor, **bands}
    return {
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "max_position_embeddings": 131072,
        "rope_theta": 500000.0,
        "rope_scaling": {**scaling, "original_max_position_embeddings": 8192},
    }


def _qwen2(window: int, full: int) -> dict[str, Any]:
    return {
        "model_type": "qwen2",
        "architectures": ["Qwen2ForCausalLM"],
        "use_sliding_window": False,
        "sliding_window": window,
        "max_window_layers": full,
        "rope_theta": 1000000.0,
    }


_TIED: Final = {"tie_word_embeddings": True}
_UNTIED: Final = {"tie_word_embeddings": False}
_GPT2: Final[dict[str, Any]] = {
    **{"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "n_ctx": 1024},
    **{"n_positions": 1024, "activation_function": "gelu_new", "vocab_size": 50257},
    **{"attn_pdrop": 0.1, "embd_pdrop": 0.1, "resid_pdrop": 0.1},
}
_MISTRAL: Final[dict[str, Any]] = {"model_type": "mistral", "architectures": ["MistralForCausalLM"]}
_OLMO2: Final[dict[str, Any]] = {
    "model_type": "olmo2",
    "architectures": ["Olmo2ForCausalLM"],
    **_UNTIED,
}
_GEMMA2: Final[dict[str, Any]] = {
    **{"model_type": "gemma2", "head_dim": 256, "query_pre_attn_scalar": 256},
    **{"attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0, "sliding_window": 4096},
    **{"hidden_act": "gelu_pytorch_tanh", "hidden_activation": "gelu_pytorch_tanh"},
}
_GEMMA3: Final[dict[str, Any]] = {
    **{"model_type": "gemma3_text", "head_dim": 256, "query_pre_attn_scalar": 256},
    **{"sliding_window": 512, "attn_logit_softcapping": None, "final_logit_softcapping": None},
    **{"hidden_activation": "gelu_pytorch_tanh", "rope_scaling": None},
}
_QWEN3: Final[dict[str, Any]] = {
    **{"model_type": "qwen3", "head_dim": 128, "use_sliding_window": False},
    **{"sliding_window": None, "rope_scaling": None, "attention_bias": False},
}
PUBLISHED: Final[dict[str, dict[str, Any]]] = {
    "gpt2": {**_GPT2, "n_embd": 768, "n_layer": 12, "n_head": 12},
    "gpt2-xl": {**_GPT2, "n_embd": 1600, "n_layer": 48, "n_head": 25},
    "Llama-3.2-1B": _llama(2048, 16, 32, 8, 8192, 128256, head_dim=64, **_llama3(32.0), **_TIED),
    "Llama-3.1-8B": _llama(4096, 32, 32, 8, 14336, 128256, **_llama3(8.0), **_UNTIED),
    "Mistral-7B-v0.1": _llama(4096, 32, 32, 8, 14336, 32000, sliding_window=4096, **_MISTRAL),
    "Mistral-Nemo-12B": _llama(
        *(5120, 40, 32, 8, 14336, 131072), head_dim=128, sliding_window=None, **_MISTRAL
    ),
    "Qwen2.5-0.5B": _llama(896, 24, 14, 2, 4864, 151936, **_qwen2(32768, 24), **_TIED),
    "Qwen2.5-7B": _llama(3584, 28, 28, 4, 18944, 152064, **_qwen2(131072, 28), **_UNTIED),
    "Qwen3-0.6B": _llama(1024, 28, 16, 8, 3072, 151936, **_QWEN3, **_TIED),
    "Qwen3-8B": _llama(4096, 36, 32, 8, 12288, 151936, **_QWEN3, **_UNTIED),
    "OLMo-2-1B": _llama(2048, 16, 16, 16, 8192, 100352, **_OLMO2),
    "OLMo-2-7B": _llama(4096, 32, 32, 32, 11008, 100352, **_OLMO2),
    "gemma-2-2b": _llama(2304, 26, 8, 4, 9216, 256000, **_GEMMA2),
    "gemma-2-9b": _llama(3584, 42, 16, 8, 14336, 256000, **_GEMMA2),
    "gemma-3-270m": _llama(640, 18, 4, 1, 2048, 262144, **_GEMMA3),
    "gemma-3-1b": _llama(1152, 26, 4, 1, 6912, 262144, **_GEMMA3),
    "granite-3.0-2b": _llama(2048, 40, 32, 8, 8192, 49155, **_granite(8.0, 0.015625)),
    "granite-3.0-8b": _llama(4096, 40, 32, 8, 12800, 49155, **_granite(16.0, 0.0078125)),
    "vit-base-patch16-224": _vit(768, 12, 12),
    "vit-large-patch16-224": _vit(1024, 24, 16),
}
