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


_TIED: Final = {"tie_word_embeddings": True}
_UNTIED: Final = {"tie_word_embeddings": False}
_GEMMA2: Final = {"model_type": "gemma2", "head_dim": 256, "query_pre_attn_scalar": 256}
_GEMMA3: Final = {"model_type": "gemma3_text", "head_dim": 256, "query_pre_attn_scalar": 256}
_QWEN3: Final = {"model_type": "qwen3", "head_dim": 128}
PUBLISHED: Final[dict[str, dict[str, Any]]] = {
    "gpt2": {"model_type": "gpt2", "n_embd": 768, "n_layer": 12, "n_head": 12},
    "gpt2-xl": {"model_type": "gpt2", "n_embd": 1600, "n_layer": 48, "n_head": 25},
    "Llama-3.2-1B": _llama(2048, 16, 32, 8, 8192, 128256, model_type="llama", head_dim=64, **_TIED),
    "Llama-3.1-8B": _llama(4096, 32, 32, 8, 14336, 128256, model_type="llama", **_UNTIED),
    "Mistral-7B-v0.1": _llama(4096, 32, 32, 8, 14336, 32000, model_type="mistral"),
    "Mistral-Nemo-12B": _llama(5120, 40, 32, 8, 14336, 131072, model_type="mistral", head_dim=128),
    "Qwen2.5-0.5B": _llama(896, 24, 14, 2, 4864, 151936, model_type="qwen2", **_TIED),
    "Qwen2.5-7B": _llama(3584, 28, 28, 4, 18944, 152064, model_type="qwen2", **_UNTIED),
    "Qwen3-0.6B": _llama(1024, 28, 16, 8, 3072, 151936, **_QWEN3, **_TIED),
    "Qwen3-8B": _llama(4096, 36, 32, 8, 12288, 151936, **_QWEN3, **_UNTIED),
    "OLMo-2-7B": _llama(4096, 32, 32, 32, 11008, 100352, model_type="olmo2"),
    "OLMo-2-13B": _llama(5120, 40, 40, 40, 13824, 100352, model_type="olmo2"),
    "gemma-2-2b": _llama(2304, 26, 8, 4, 9216, 256000, **_GEMMA2),
    "gemma-2-9b": _llama(3584, 42, 16, 8, 14336, 256000, **_GEMMA2),
    "gemma-3-270m": _llama(640, 18, 4, 1, 2048, 262144, **_GEMMA3),
    "gemma-3-1b": _llama(1152, 26, 4, 1, 6912, 262144, **_GEMMA3),
    "granite-3.0-2b": _llama(2048, 40, 32, 8, 8192, 49155, **_granite(8.0, 0.015625)),
    "granite-3.0-8b": _llama(4096, 40, 32, 8, 12800, 49155, **_granite(16.0, 0.0078125)),
    "vit-base-patch16-224": _vit(768, 12, 12),
    "vit-large-patch16-224": _vit(1024, 24, 16),
}
