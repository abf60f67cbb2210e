"""Tensors of a decoder-only transformer of Llama's kind, from its sizes."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from tuner.recommendation.exports.frameworks.namings import Naming, Part
from tuner.recommendation.targets.described import DescribedTensor, weight


class Sizes(NamedTuple):
    """Sizes of a transformer, from which its shapes follow."""

    width: int
    depth: int
    heads: int
    kv_heads: int
    head_size: int
    feed_forward: int
    vocabulary: int
    tied: bool

    @property
    def queries(self) -> int:
        """Entries of all query heads."""
        return self.heads * self.head_size

    @property
    def keys(self) -> int:
        """Entries of all key heads; of all value heads as well."""
        return self.kv_heads * self.head_size


class Kind(NamedTuple):
    """Differences of one architecture from Llama's.

    Attributes:
        qkv_bias: of queries, keys and values.
        out_bias: of attention's output.
        mlp_bias: of the feed-forward.
        qk_norm: gains of one head's size, or of all heads'.
        more_norms: (module within a block, what it is like) beside the two before the branches.
        pre_norms: True if norms stand before the branches.
        differs: differences in words that no field and no shape shows.

    """

    qkv_bias: bool = False
    out_bias: bool = False
    mlp_bias: bool = False
    qk_norm: Literal["head", "heads"] | None = None
    more_norms: tuple[tuple[str, Part], ...] = ()
    pre_norms: bool = True
    differs: tuple[str, ...] = ()


def llama_like(sizes: Sizes, kind: Kind, naming: Naming) -> Iterator[DescribedTensor]:
    """The tensors in the order of `named_parameters()` of transformers' models."""
    yield from weight(naming[Part.TOKEN_TABLE], Part.TOKEN_TABLE, (sizes.vocabulary, sizes.width))
    for block in range(sizes.depth):
        yield from _block(sizes, kind, naming, str(block))
    yield from weight(naming[Part.FINAL_NORM], Part.FINAL_NORM, (sizes.width,))
    if not sizes.tied:
        yield from weight(naming[Part.READOUT], Part.READOUT, (sizes.vocabulary, sizes.width))


def _block(sizes: Sizes, kind: Kind, naming: Naming, number: str) -> Iterator[DescribedTensor]:
    def at(part: Part) -> str:
        return naming[part].replace("*", number)

    width, wide = sizes.width, sizes.feed_forward
    inputs = ((Part.QUERY, sizes.queries), (Part.KEY, sizes.keys), (Part.VALUE, sizes.keys))
    for part, rows in inputs:
        yield from weight(at(part), part, (rows, width), bias=kind.qkv_bias)
    yield from weight(
        at(Part.ATTENTION_OUT), Part.ATTENTION_OUT, (width, sizes.queries), bias=kind.out_bias
    )
    if kind.qk_norm is not None:
        one = kind.qk_norm == "head"
        queries, keys = (sizes.head_size, sizes.head_size) if one else (sizes.queries, sizes.keys)
        yield from weight(at(Part.QUERY_NORM), Part.QUERY_NORM, (queries,), grows=not one)
        yield from weight(at(Part.KEY_NORM), Part.KEY_NORM, (keys,), grows=not one)
    for part in (Part.GATE, Part.UP):
        yield from weight(at(part), part, (wide, width), bias=kind.mlp_bias)
    yield from weight(at(Part.DOWN), Part.DOWN, (width, wide), bias=kind.mlp_bias)
    if kind.pre_norms:
        for part in (Part.ATTENTION_NORM, Part.FEED_FORWARD_NORM):
            yield from weight(at(part), part, (width,))
    block = at(Part.QUERY).removesuffix(".self_attn.q_proj")
    for module, part in kind.more_norms:
        yield from weight(f"{block}.{module}", part, (width,))
