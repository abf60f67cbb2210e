"""Read Megatron-LM's arguments: a command line, or lines of one.

Source: Megatron-LM d98e8a6, `training/arguments.py`: the feed-forward is 4 widths, with `--swiglu`
8/3 of the width in multiples of 64; readout and table are tied unless untied; key and value heads
count only with `--group-query-attention`.
"""

import shlex
from collections.abc import Iterator

from tuner.recommendation.exports.frameworks.namings import MEGATRON, Part
from tuner.recommendation.targets.described import (
    DescribedTarget,
    DescribedTensor,
    IllegalConfiguration,
    weight,
)
from tuner.recommendation.targets.fields import MOST_BLOCKS, Fields, divided
from tuner.recommendation.targets.transformer import Sizes


def read_megatron(text: str) -> DescribedTarget:
    """The GPTModel that the arguments describe.

    Raises:
        IllegalConfiguration: if a size is missing or wrong.

    """
    fields = Fields(_arguments(text))
    width, heads = fields.size("hidden-size"), fields.size("num-attention-heads")
    grouped = fields.flag("group-query-attention", default=False)
    groups = fields.size("num-query-groups", default=heads)
    gated = fields.flag("swiglu", default=False)
    sizes = Sizes(
        width=width,
        depth=fields.size("num-layers", most=MOST_BLOCKS),
        heads=heads,
        kv_heads=groups if grouped else heads,
        head_size=fields.size("kv-channels", default=width // heads or None),
        feed_forward=fields.size(
            "ffn-hidden-size", default=8 * width // 3 // 64 * 64 if gated else 4 * width
        ),
        vocabulary=_padded(fields),
        tied=not fields.flag("untie-embeddings-and-output-weights", default=False),
    )
    divided(heads, sizes.kv_heads, "num-query-groups")
    length = fields.size("max-position-embeddings", "seq-length")
    return DescribedTarget(
        source="Megatron-LM",
        **sizes._asdict(),
        context=length,
        tensors=tuple(_tensors(fields, sizes, gated=gated, length=length)),
        unread=fields.left(frozenset({"num-experts", "moe-router-topk", "multi-latent-attention"})),
    )


def _padded(fields: Fields) -> int:
    """The vocabulary, in multiples of --make-vocab-size-divisible-by x tensor parallel ranks."""
    ranks = fields.size("tensor-model-parallel-size", default=1)
    multiple = ranks * fields.size("make-vocab-size-divisible-by", default=128)
    return -(-fields.size("vocab-size") // multiple) * multiple


def _arguments(text: str) -> dict[str, object]:
    """Values by name; True where there is none."""
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    try:
        words = shlex.split(" ".join(line.rstrip("\\") for line in lines))
    except ValueError as error:
        raise IllegalConfiguration("", f"this is no command line: {error}") from error
    found: dict[str, object] = {}
    for at, word in enumerate(words):
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            follows = words[at + 1] if at + 1 < len(words) else "--"
            given = value if equals else None if follows.startswith("--") else follows
            found[name] = True if given is None else _number(given)
    return found


def _number(word: str) -> object:
    return int(word) if word.isdecimal() and len(word) <= 20 else word


def _tensors(
    fields: Fields, sizes: Sizes, *, gated: bool, length: int
) -> Iterator[DescribedTensor]:
    bias = not fields.flag("disable-bias-linear", default=False)
    is_rms = fields.word("normalization", default="LayerNorm") == "RMSNorm"
    learned = fields.word("position-embedding-type", default="learned_absolute")
    width = sizes.width
    table = (sizes.vocabulary, width)
    yield from weight(MEGATRON[Part.TOKEN_TABLE], Part.TOKEN_TABLE, table)
    if learned == "learned_absolute":
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
