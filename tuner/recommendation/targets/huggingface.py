"""Read a Hugging Face config.json: one row an architecture.

Source: transformers 5.24.0, `configuration_*.py` (defaults) and `modeling_*.py` (tensors).
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from tuner.recommendation.exports.frameworks.granite import MULTIPLIERS
from tuner.recommendation.exports.frameworks.namings import GPT2, LLAMA, Part
from tuner.recommendation.targets.described import (
    DescribedTarget,
    DescribedTensor,
    IllegalConfiguration,
    weight,
)
from tuner.recommendation.targets.fields import MOST_BLOCKS, Fields, divided
from tuner.recommendation.targets.forward_pass import refuse_other_tensors, unread
from tuner.recommendation.targets.transformer import Kind, Sizes, llama_like
from tuner.recommendation.targets.vit import read_vit

_NORMS_AFTER: Final = (
    ("post_attention_layernorm", Part.ATTENTION_NORM),
    ("post_feedforward_layernorm", Part.FEED_FORWARD_NORM),
)
_GEMMA_NORMS: Final = (
    ("input_layernorm", Part.ATTENTION_NORM),
    ("post_attention_layernorm", Part.ATTENTION_NORM),
    ("pre_feedforward_layernorm", Part.FEED_FORWARD_NORM),
    ("post_feedforward_layernorm", Part.FEED_FORWARD_NORM),
)
_GEMMA_DIFFERS: Final = (
    *("embeddings times sqrt(hidden_size)", "gains of 1 + weight", "gates of GELU"),
)
_SILU: Final = ("hidden_act", frozenset({"silu", "swish"}))
_GELU: Final = ("hidden_activation", frozenset({"gelu", "gelu_pytorch_tanh"}))
_GPT2_GELU: Final = ("activation_function", frozenset({"gelu", "gelu_new", "gelu_pytorch_tanh"}))


class _Row(NamedTuple):
    """Reader of one architecture's configuration."""

    kind: Callable[[Fields], Kind]
    defaults: Mapping[str, Any] = {}
    """Defaults of the config's class for missing fields; null is not missing."""
    null_kv_heads: bool = True
    """True if null key and value heads means as many as heads."""
    multipliers: tuple[str, ...] = ()
    """Fields that multiply in the forward pass; 1 where the config is silent."""
    activation: tuple[str, frozenset[str]] = _SILU


def _plain(fields: Fields) -> Kind:
    bias = fields.flag("attention_bias", default=False)
    return Kind(qkv_bias=bias, out_bias=bias, mlp_bias=fields.flag("mlp_bias", default=False))


def _qwen3(fields: Fields) -> Kind:
    bias = fields.flag("attention_bias", default=False)
    return Kind(qkv_bias=bias, out_bias=bias, qk_norm="head")


def _olmo2(fields: Fields) -> Kind:
    bias = fields.flag("attention_bias", default=False)
    return Kind(
        qkv_bias=bias,
        out_bias=bias,
        qk_norm="heads",
        more_norms=_NORMS_AFTER,
        pre_norms=False,
        differs=("norms after the branches",),
    )


def _gemma(*, qk_norm: bool) -> Callable[[Fields], Kind]:
    def kind(fields: Fields) -> Kind:
        bias = fields.flag("attention_bias", default=False)
        norm = "head" if qk_norm else None
        return Kind(bias, bias, False, norm, _GEMMA_NORMS, False, _GEMMA_DIFFERS)  # type: ignore[arg-type]

    return kind


_DROPOUT: Final = {"gpt2": dict.fromkeys(("attn_pdrop", "embd_pdrop", "resid_pdrop"), 0.1)}
_WINDOW: Final = {"sliding_window": 4096}
_GEMMA: Final = {"num_key_value_heads": 4, "head_dim": 256, "tie_word_embeddings": True, **_WINDOW}
_GEMMA2: Final = {**_GEMMA, "attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0}
_GEMMA3: Final = {**_GEMMA, "num_attention_heads": 8, "vocab_size": 262208}
LLAMA_LIKE: Final[Mapping[str, _Row]] = {
    "llama": _Row(_plain),
    "mistral": _Row(lambda _fields: Kind(), {"num_key_value_heads": 8, **_WINDOW}),
    "qwen2": _Row(
        lambda _fields: Kind(qkv_bias=True),
        {"num_key_value_heads": 32, "use_sliding_window": False},
    ),
    "qwen3": _Row(
        _qwen3, {"num_key_value_heads": 32, "head_dim": 128, "use_sliding_window": False}
    ),
    "olmo2": _Row(_olmo2),
    "gemma2": _Row(_gemma(qk_norm=False), _GEMMA2, null_kv_heads=False, activation=_GELU),
    "gemma3_text": _Row(_gemma(qk_norm=True), _GEMMA3, null_kv_heads=False, activation=_GELU),
    "granite": _Row(_plain, multipliers=MULTIPLIERS),
}
"""By `model_type`."""


def read_huggingface(config: Mapping[str, Any]) -> DescribedTarget:
    """The target that a config.json describes.

    Raises:
        IllegalConfiguration: if its architecture has no row here, or a field is wrong.

    """
    if isinstance(config.get("text_config"), Mapping):
        config = _language_model(config)
    kind = config.get("model_type")
    kind = "gemma3_text" if kind == "gemma3" else kind
    if isinstance(kind, str) and kind in LLAMA_LIKE:
        return _llama_like(kind, LLAMA_LIKE[kind], config)
    if isinstance(kind, str) and kind in _OTHERS:
        heads, read = _OTHERS[kind]
        refuse_other_tensors(config, (heads,))
        return read(Fields({**_DROPOUT.get(kind, {}), **config}))
    known = ", ".join([*LLAMA_LIKE, *_OTHERS])
    words = "is missing: give one of" if kind is None else f"{str(kind)[:40]!r} is none of"
    remedy = "; of another model give its tensors: {width, depth, tensors: [{name, shape}]}"
    raise IllegalConfiguration("model_type", f"{words} {known}{remedy}")


def _language_model(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The language model of a multimodal one, with the names of the other parts."""
    inner = dict(config["text_config"])
    inner.setdefault("model_type", str(config.get("model_type")).removesuffix("_text"))
    for name in ("tie_word_embeddings", "quantization_config", "vision_config", "audio_config"):
        if config.get(name) is not None:
            inner.setdefault(name, config[name])
    return inner


def _llama_like(name: str, row: _Row, config: Mapping[str, Any]) -> DescribedTarget:
    refuse_other_tensors(config, ("ForCausalLM",))
    fields = Fields({**row.defaults, **config})
    width, heads = fields.size("hidden_size"), fields.size("num_attention_heads")
    own_size = fields.value("head_dim") is not None or "head_dim" in row.defaults
    split = None if own_size else divided(width, heads, "num_attention_heads", "hidden_size")
    head_size = fields.size("head_dim", default=split)
    kv_heads = fields.size("num_key_value_heads", default=heads if row.null_kv_heads else None)
    divided(heads, kv_heads, "num_key_value_heads", "num_attention_heads")
    sizes = Sizes(
        width=width,
        depth=fields.size("num_hidden_layers", most=MOST_BLOCKS),
        heads=heads,
        kv_heads=kv_heads,
        head_size=head_size,
        feed_forward=fields.size("intermediate_size"),
        vocabulary=fields.size("vocab_size"),
        tied=fields.flag("tie_word_embeddings", default=False),
    )
    kind = row.kind(fields)
    multipliers = {field: fields.number(field, default=1.0) for field in row.multipliers}
    differs = (*unread(fields, depth=sizes.depth, activation=row.activation), *kind.differs)
    read = described(
        f"Hugging Face {name}",
        sizes,
        llama_like(sizes, kind, LLAMA),
        fields.size("max_position_embeddings", default=0),
        differs,
    )
    return read.model_copy(update={"multipliers": multipliers})


def described(
    source: str,
    sizes: Sizes,
    tensors: Iterator[DescribedTensor],
    context: int,
    differs: tuple[str, ...],
) -> DescribedTarget:
    """The record of the target; a context of 0 is not known."""
    return DescribedTarget(
        source=source,
        **sizes._asdict(),
        context=context or None,
        tensors=tuple(tensors),
        unread=differs,
    )


def _gpt2(fields: Fields) -> DescribedTarget:
    width = fields.size("n_embd", "hidden_size")
    heads = fields.size("n_head", "num_attention_heads")
    sizes = Sizes(
        width=width,
        depth=fields.size("n_layer", "num_hidden_layers", most=MOST_BLOCKS),
        heads=heads,
        kv_heads=heads,
        head_size=divided(width, heads, "n_head", "n_embd"),
        feed_forward=fields.size("n_inner", default=4 * width),
        vocabulary=fields.size("vocab_size", default=50257),
        tied=fields.flag("tie_word_embeddings", default=True),
    )
    context = fields.size("n_positions", "max_position_embeddings", default=1024)
    tensors = gpt2_tensors(sizes, context, bias=True, transposed=True)
    differs = tuple(unread(fields, depth=sizes.depth, activation=_GPT2_GELU))
    return described("Hugging Face gpt2", sizes, tensors, context, differs)


def gpt2_tensors(
    sizes: Sizes, context: int, *, bias: bool, transposed: bool
) -> Iterator[DescribedTensor]:
    """Tensors of GPT-2, whose matrices are [in, out] in transformers and [out, in] in nanoGPT."""

    def matrix(module: str, part: Part, rows: int, columns: int) -> Iterator[DescribedTensor]:
        shape = (columns, rows) if transposed else (rows, columns)
        yield from weight(module, part, shape, bias=bias, transposed=transposed)

    width, wide = sizes.width, sizes.feed_forward
    yield from weight(GPT2[Part.TOKEN_TABLE], Part.TOKEN_TABLE, (sizes.vocabulary, width))
    yield from weight(GPT2[Part.POSITION_TABLE], Part.POSITION_TABLE, (context, width))
    for block in map(str, range(sizes.depth)):
        at = {part: module.replace("*", block) for part, module in GPT2.items()}
        norm, other = Part.ATTENTION_NORM, Part.FEED_FORWARD_NORM
        yield from weight(at[norm], norm, (width,), bias=bias)
        yield from matrix(at[Part.QKV], Part.QKV, 3 * width, width)
        yield from matrix(at[Part.ATTENTION_OUT], Part.ATTENTION_OUT, width, width)
        yield from weight(at[other], other, (width,), bias=bias)
        yield from matrix(at[Part.UP], Part.UP, wide, width)
        yield from matrix(at[Part.DOWN], Part.DOWN, width, wide)
    yield from weight(GPT2[Part.FINAL_NORM], Part.FINAL_NORM, (width,), bias=bias)
    if not sizes.tied:
        yield from weight(GPT2[Part.READOUT], Part.READOUT, (sizes.vocabulary, width))


_OTHERS: Final[Mapping[str, tuple[str, Callable[[Fields], DescribedTarget]]]] = {
    "gpt2": ("GPT2LMHeadModel", _gpt2),
    "vit": ("ViTForImageClassification", read_vit),
}
"""The class with these tensors, and the reader of its config."""
