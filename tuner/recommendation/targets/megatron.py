"""Read Megatron-LM's arguments: a command line, or lines of one.

Source: Megatron-LM d98e8a6, `training/arguments.py`: the feed-forward is 4 widths, with `--swiglu`
8/3 of the width in multiples of 64; readout and table are tied unless untied; key and value heads
count only with `--group-query-attention`.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from tuner.recommendation.exports.frameworks.namings import MEGATRON, Part
from tuner.recommendation.targets.described import (
    DescribedTarget,
    DescribedTensor,
    IllegalConfiguration,
    weight,
)
from tuner.recommendation.targets.fields import MOST_BLOCKS, Fields, divided
from tuner.recommendation.targets.transformer import Sizes


def read_megatron(given: Mapping[str, object]) -> DescribedTarget:
    """The GPTModel that the arguments describe.

    Raises:
        IllegalConfiguration: if a size is missing or wrong.

    """
    fields = Fields(given)
    if others := fields.left(_OTHER_TENSORS):
        words = (
            "makes a model of other tensors: give them, {width, depth, tensors: [{name, shape}]}"
        )
        raise IllegalConfiguration(others[0], words)
    width, heads = fields.size("hidden-size"), fields.size("num-attention-heads")
    grouped = fields.flag("group-query-attention", default=False)
    groups = fields.size("num-query-groups", default=heads)
    gated = fields.flag("swiglu", default=False)
    sizes = Sizes(
        width=width,
        depth=fields.size("num-layers", most=MOST_BLOCKS),
        heads=heads,
        kv_heads=groups if grouped else heads,
        head_size=_head_size(fields, width, heads),
        feed_forward=fields.size(
            "ffn-hidden-size", default=8 * width // 3 // 64 * 64 if gated else 4 * width
        ),
        vocabulary=_padded(fields),
        tied=not fields.flag("untie-embeddings-and-output-weights", default=False),
    )
    divided(heads, sizes.kv_heads, "num-query-groups", "num-attention-heads")
    length = fields.size("max-position-embeddings", "seq-length")
    return DescribedTarget(
        source="Megatron-LM",
        **sizes._asdict(),
        context=length,
        tensors=tuple(_tensors(fields, sizes, gated=gated, length=length)),
        unread=fields.left(_CHANGES),
    )


_CHANGES: Final = frozenset(
    {
        *("apply-layernorm-1p", "attention-dropout", "hidden-dropout", "use-rope-scaling"),
        *("window-size", "window-attn-skip-freq", "squared-relu", "quick-geglu", "softmax-type"),
        *("rotary-percent", "use-mup"),
    }
)
"""Arguments that change the forward pass and no shape here."""
_OTHER_TENSORS: Final = frozenset(
    {
        *("num-experts", "multi-latent-attention", "mtp-num-layers", "attention-output-gate"),
        *("hybrid-override-pattern", "hybrid-layer-pattern", "is-hybrid-model"),
        *("encoder-num-layers", "heterogeneous-layers-config-path"),
        "experimental-attention-variant",
    }
)
"""Arguments that give the model tensors which no row here describes."""
_POSITIONS: Final = ("learned_absolute", "rope", "mrope", "yarn", "none")
_NORMS: Final = ("LayerNorm", "RMSNorm")


def _head_size(fields: Fields, width: int, heads: int) -> int:
    if fields.value("kv-channels") is not None:
        return fields.size("kv-channels")
    return divided(width, heads, "num-attention-heads", "hidden-size")


def _padded(fields: Fields) -> int:
    """The vocabulary, in multiples of --make-vocab-size-divisible-by x tensor parallel ranks."""
    ranks = fields.size("tensor-model-parallel-size", default=1)
    multiple = ranks * fields.size("make-vocab-size-divisible-by", default=128)
    return -(-fields.size("vocab-size") // multiple) * multiple


def _tensors(
    fields: Fields, sizes: Sizes, *, gated: bool, length: int
) -> Iterator[DescribedTensor]:
    bias = not fields.flag("disable-bias-linear", default=False)
    is_rms = fields.word("normalization", among=_NORMS, default="LayerNorm") == "RMSNorm"
    positions = fields.word("position-embedding-type", among=_POSITIONS, default="learned_absolute")
    width = sizes.width
    table = (sizes.vocabulary, width)
    yield from weight(MEGATRON[Part.TOKEN_TABLE], Part.TOKEN_TABLE, table)
    if positions == "learned_absolute":
        yield from weight(MEGATRON[Part.POSITION_TABLE], Part.POSITION_TABLE, (length, width))
    for block in map(str, range(sizes.depth)):
        at = {part: module.replace("*", block) for part, module in MEGATRON.items()}
        yield from weight(at[Part.ATTENTION_NORM], Part.ATTENTION_NORM, (width,), bias=not is_rms)
        qkv = bias or fields.flag("add-qkv-bias", default=False)
        rows = sizes.queries + 2 * sizes.keys
        yield from weight(at[Part.QKV], Part.QKV, (rows, width), bias=qkv)
        if fields.flag("qk-layernorm", default=False):
            for part in (Part.QUERY_NORM, Part.KEY_NORM):
                yield from weight(at[part], part, (sizes.head_size,), bias=not is_rms, grows=False)
        out = (width, sizes.queries)
        yield from weight(at[Part.ATTENTION_OUT], Part.ATTENTION_OUT, out, bias=bias)
        norm = Part.FEED_FORWARD_NORM
        yield from weight(at[norm], norm, (width,), bias=not is_rms)
        up, wide = Part.GATE_UP if gated else Part.UP, sizes.feed_forward
        yield from weight(at[up], up, ((2 if gated else 1) * wide, width), bias=bias)
        yield from weight(at[Part.DOWN], Part.DOWN, (width, wide), bias=bias)
    yield from weight(MEGATRON[Part.FINAL_NORM], Part.FINAL_NORM, (width,), bias=not is_rms)
    if not sizes.tied:
        yield from weight(MEGATRON[Part.READOUT], Part.READOUT, table)
