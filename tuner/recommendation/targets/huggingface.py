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
_GEMMA_DIFFERS: Final = ("embeddings times sqrt(hidden_size)", "gains of 1 + weight")
_CHANGES: Final = frozenset(
    {
        *("attn_logit_softcapping", "final_logit_softcapping", "query_pre_attn_scalar"),
        *("num_experts", "num_local_experts", "moe_intermediate_size", "sliding_window"),
    }
)
"""Fields that change the forward pass and no shape here."""


class _Row(NamedTuple):
    """Defaults where the config is silent."""

    kind: Callable[[Fields], Kind]
    tied: bool
    kv_heads: int | None
    """None: as many as heads."""
    head_size: int | None
    """None: width / heads."""
    multipliers: tuple[str, ...] = ()
    """Fields that multiply in the forward pass; 1 where the config is silent."""


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


LLAMA_LIKE: Final[Mapping[str, _Row]] = {
    "llama": _Row(_plain, False, None, None),
    "mistral": _Row(lambda _fields: Kind(), False, 8, None),
    "qwen2": _Row(lambda _fields: Kind(qkv_bias=True), False, 32, None),
    "qwen3": _Row(_qwen3, False, 32, 128),
    "olmo2": _Row(_olmo2, False, None, None),
    "gemma2": _Row(_gemma(qk_norm=False), True, 4, 256),
    "gemma3_text": _Row(_gemma(qk_norm=True), True, 4, 256),
    "granite": _Row(_plain, False, None, None, MULTIPLIERS),
}
"""By `model_type`."""


def read_huggingface(config: Mapping[str, Any]) -> DescribedTarget:
    """The target that a config.json describes.

    Raises:
        IllegalConfiguration: if its architecture has no row here, or a field is wrong.

    """
    if isinstance(config.get("text_config"), Mapping):  # the language model of a multimodal one
        inner = dict(config["text_config"])
        inner.setdefault("model_type", str(config.get("model_type")).removesuffix("_text"))
        config = inner
    kind = config.get("model_type")
    kind = "gemma3_text" if kind == "gemma3" else kind
    fields = Fields(config)
    if isinstance(kind, str) and kind in LLAMA_LIKE:
        return _llama_like(kind, LLAMA_LIKE[kind], fields)
    if isinstance(kind, str) and kind in _OTHERS:
        return _OTHERS[kind](fields)
    known = ", ".join([*LLAMA_LIKE, *_OTHERS])
    raise IllegalConfiguration("model_type", f"{str(kind)[:40]!r} is none of {known}")


def _llama_like(name: str, row: _Row, fields: Fields) -> DescribedTarget:
    width, heads = fields.size("hidden_size"), fields.size("num_attention_heads")
    default = row.head_size or (width // heads if width % heads == 0 else None)
    head_size = fields.size("head_dim", default=default)
    kv_heads = fields.size("num_key_value_heads", default=row.kv_heads or heads)
    divided(heads, kv_heads, "num_key_value_heads")
    sizes = Sizes(
        width=width,
        depth=fields.size("num_hidden_layers", most=MOST_BLOCKS),
        heads=heads,
        kv_heads=kv_heads,
        head_size=head_size,
        feed_forward=fields.size("intermediate_size"),
        vocabulary=fields.size("vocab_size"),
        tied=fields.flag("tie_word_embeddings", default=row.tied),
    )
    kind = row.kind(fields)
    tensors = llama_like(sizes, kind, LLAMA)
    multipliers = {field: fields.number(field, default=1.0) for field in row.multipliers}
    read = described(f"Hugging Face {name}", sizes, tensors, fields, "max_position_embeddings")
    told = {"unread": (*read.unread, *kind.differs), "multipliers": multipliers}
    return read.model_copy(update=told)


def described(
    source: str, sizes: Sizes, tensors: Iterator[DescribedTensor], fields: Fields, context: str
) -> DescribedTarget:
    """The record of what was read."""
    length = fields.size(context, default=0) if context else 0
    return DescribedTarget(
        source=source,
        **sizes._asdict(),
        context=length or None,
        tensors=tuple(tensors),
        unread=fields.left(_CHANGES),
    )


def _gpt2(fields: Fields) -> DescribedTarget:
    width, heads = fields.size("n_embd", "hidden_size"), fields.size("n_head")
    sizes = Sizes(
        width=width,
        depth=fields.size("n_layer", most=MOST_BLOCKS),
        heads=heads,
        kv_heads=heads,
        head_size=divided(width, heads, "n_head"),
        feed_forward=fields.size("n_inner", default=4 * width),
        vocabulary=fields.size("vocab_size", default=50257),
        tied=fields.flag("tie_word_embeddings", default=True),
    )
    context = fields.size("n_positions", default=1024)
    tensors = gpt2_tensors(sizes, context, bias=True, transposed=True)
    return described("Hugging Face gpt2", sizes, tensors, fields, "n_positions")


def gpt2_tensors(
    sizes: Sizes, context: int, *, bias: bool, transposed: bool
) -> Iterator[DescribedTensor]:
    """Of GPT-2, whose matrices are [in, out] in transformers and [out, in] in nanoGPT."""

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


_OTHERS: Final[Mapping[str, Callable[[Fields], DescribedTarget]]] = {
    "gpt2": _gpt2,
    "vit": read_vit,
}
