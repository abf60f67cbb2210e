"""Names that frameworks give the parts of a transformer, and how to get from one to another.

A naming is one pattern a part, with `*` for block numbers. Where one framework fuses what another
keeps apart, a part is made of several: `MADE_OF`.
"""

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final, TypeAlias

from parametrization.recommendation.values import TensorValues
from tuner.recommendation.exports.protocol.export import Inexpressible, Refused
from tuner.recommendation.exports.protocol.selectors import as_regex


class Part(StrEnum):
    TOKEN_TABLE = "token table"
    POSITION_TABLE = "position table"
    ATTENTION_NORM = "norm before attention"
    QKV = "queries, keys and values"
    KV = "keys and values"
    QUERY = "queries"
    KEY = "keys"
    VALUE = "values"
    QUERY_NORM = "norm of queries"
    KEY_NORM = "norm of keys"
    ATTENTION_OUT = "output of attention"
    FEED_FORWARD_NORM = "norm before the feed-forward"
    GATE_UP = "gate and input of the feed-forward"
    GATE = "gate of the feed-forward"
    UP = "input of the feed-forward"
    DOWN = "output of the feed-forward"
    FINAL_NORM = "final norm"
    READOUT = "readout"


Naming: TypeAlias = Mapping[Part, str]
"""Pattern of the module that holds the part's `weight` and perhaps its `bias`."""

WIDTHWISE: Final[Naming] = {
    Part.TOKEN_TABLE: "token",
    Part.POSITION_TABLE: "position",
    Part.ATTENTION_NORM: "blocks.*.attention_norm",
    Part.QKV: "blocks.*.attention.qkv",
    Part.QUERY: "blocks.*.attention.q",
    Part.KV: "blocks.*.attention.kv",
    Part.QUERY_NORM: "blocks.*.attention.q_norm",
    Part.KEY_NORM: "blocks.*.attention.k_norm",
    Part.ATTENTION_OUT: "blocks.*.attention.out",
    Part.FEED_FORWARD_NORM: "blocks.*.feed_forward_norm",
    Part.GATE: "blocks.*.feed_forward.gate",
    Part.UP: "blocks.*.feed_forward.up",
    Part.DOWN: "blocks.*.feed_forward.down",
    Part.FINAL_NORM: "norm",
    Part.READOUT: "readout",
}
"""The built-in family gpt."""
LLAMA: Final[Naming] = {
    Part.TOKEN_TABLE: "model.embed_tokens",
    Part.ATTENTION_NORM: "model.layers.*.input_layernorm",
    Part.QUERY: "model.layers.*.self_attn.q_proj",
    Part.KEY: "model.layers.*.self_attn.k_proj",
    Part.VALUE: "model.layers.*.self_attn.v_proj",
    Part.QUERY_NORM: "model.layers.*.self_attn.q_norm",
    Part.KEY_NORM: "model.layers.*.self_attn.k_norm",
    Part.ATTENTION_OUT: "model.layers.*.self_attn.o_proj",
    Part.FEED_FORWARD_NORM: "model.layers.*.post_attention_layernorm",
    Part.GATE: "model.layers.*.mlp.gate_proj",
    Part.UP: "model.layers.*.mlp.up_proj",
    Part.DOWN: "model.layers.*.mlp.down_proj",
    Part.FINAL_NORM: "model.norm",
    Part.READOUT: "lm_head",
}
"""Llama, Mistral, Qwen2, Qwen3 and Granite of Hugging Face's transformers."""
GPT2: Final[Naming] = {
    Part.TOKEN_TABLE: "transformer.wte",
    Part.POSITION_TABLE: "transformer.wpe",
    Part.ATTENTION_NORM: "transformer.h.*.ln_1",
    Part.QKV: "transformer.h.*.attn.c_attn",
    Part.ATTENTION_OUT: "transformer.h.*.attn.c_proj",
    Part.FEED_FORWARD_NORM: "transformer.h.*.ln_2",
    Part.UP: "transformer.h.*.mlp.c_fc",
    Part.DOWN: "transformer.h.*.mlp.c_proj",
    Part.FINAL_NORM: "transformer.ln_f",
    Part.READOUT: "lm_head",
}
"""GPT-2 of transformers, and nanoGPT."""
TORCHTITAN: Final[Naming] = {
    Part.TOKEN_TABLE: "tok_embeddings",
    Part.ATTENTION_NORM: "layers.*.attention_norm",
    Part.QKV: "layers.*.attention.qkv_linear.wqkv",
    Part.QUERY: "layers.*.attention.qkv_linear.wq",
    Part.KEY: "layers.*.attention.qkv_linear.wk",
    Part.VALUE: "layers.*.attention.qkv_linear.wv",
    Part.QUERY_NORM: "layers.*.attention.q_norm",
    Part.KEY_NORM: "layers.*.attention.k_norm",
    Part.ATTENTION_OUT: "layers.*.attention.wo",
    Part.FEED_FORWARD_NORM: "layers.*.ffn_norm",
    Part.GATE: "layers.*.feed_forward.w1",
    Part.DOWN: "layers.*.feed_forward.w2",
    Part.UP: "layers.*.feed_forward.w3",
    Part.FINAL_NORM: "norm",
    Part.READOUT: "lm_head",
}
OLMO_CORE: Final[Naming] = {
    Part.TOKEN_TABLE: "embeddings",
    Part.ATTENTION_NORM: "blocks.*.attention_norm",
    Part.QUERY: "blocks.*.attention.w_q",
    Part.KEY: "blocks.*.attention.w_k",
    Part.VALUE: "blocks.*.attention.w_v",
    Part.QUERY_NORM: "blocks.*.attention.q_norm",
    Part.KEY_NORM: "blocks.*.attention.k_norm",
    Part.ATTENTION_OUT: "blocks.*.attention.w_out",
    Part.FEED_FORWARD_NORM: "blocks.*.feed_forward_norm",
    Part.GATE: "blocks.*.feed_forward.w1",
    Part.DOWN: "blocks.*.feed_forward.w2",
    Part.UP: "blocks.*.feed_forward.w3",
    Part.FINAL_NORM: "lm_head.norm",
    Part.READOUT: "lm_head.w_out",
}
MEGATRON: Final[Naming] = {
    Part.TOKEN_TABLE: "embedding.word_embeddings",
    Part.POSITION_TABLE: "embedding.position_embeddings",
    Part.ATTENTION_NORM: "decoder.layers.*.input_layernorm",
    Part.QKV: "decoder.layers.*.self_attention.linear_qkv",
    Part.QUERY_NORM: "decoder.layers.*.self_attention.q_layernorm",
    Part.KEY_NORM: "decoder.layers.*.self_attention.k_layernorm",
    Part.ATTENTION_OUT: "decoder.layers.*.self_attention.linear_proj",
    Part.FEED_FORWARD_NORM: "decoder.layers.*.pre_mlp_layernorm",
    Part.GATE_UP: "decoder.layers.*.mlp.linear_fc1",
    Part.UP: "decoder.layers.*.mlp.linear_fc1",
    Part.DOWN: "decoder.layers.*.mlp.linear_fc2",
    Part.FINAL_NORM: "decoder.final_layernorm",
    Part.READOUT: "output_layer",
}
KNOWN: Final = (WIDTHWISE, LLAMA, GPT2, TORCHTITAN, OLMO_CORE, MEGATRON)

MADE_OF: Final[Mapping[Part, tuple[tuple[Part, ...], ...]]] = {
    Part.QKV: ((Part.QUERY, Part.KV), (Part.QUERY, Part.KEY, Part.VALUE)),
    Part.QUERY: ((Part.QKV,),),
    Part.KEY: ((Part.KV,), (Part.QKV,)),
    Part.VALUE: ((Part.KV,), (Part.QKV,)),
    Part.GATE_UP: ((Part.GATE, Part.UP),),
    Part.GATE: ((Part.GATE_UP,),),
    Part.UP: ((Part.GATE_UP,),),
}
"""Other parts that hold the same numbers, by what a naming lacks."""


def naming_of(tensors: Iterable[TensorValues]) -> Naming | None:
    """The naming that most of these follow; None for a model of another kind."""
    names = [name for row in tensors for name in row.names]
    found = [(sum(_part(known, name) is not None for name in names), known) for known in KNOWN]
    count, best = max(found, key=lambda one: one[0])
    return best if 2 * count > len(names) else None


def renamed(
    framework: str, tensors: tuple[TensorValues, ...], naming: Naming
) -> tuple[TensorValues, ...]:
    """The same numbers by a framework's names, where these are of a known naming.

    Tensors of a model of another kind, and parts that the framework's own models lack, keep their
    names: see `strangers`.

    Raises:
        Refused: if one tensor of the framework's joins several of these whose numbers differ.

    """
    own = naming_of(tensors)
    if own is None or own is naming:
        return tensors
    by_part = _by_part(own, tensors)
    found = [
        row
        for part, module in naming.items()
        for suffix in ("weight", "bias")
        for row in _joined(framework, f"{module}.{suffix}", _sources(part, suffix, by_part, naming))
    ]
    covered = {name for row in found for name in _source_names(row, by_part, naming)}
    return (*found, *(row for row in tensors if row.pattern not in covered))


def strangers(tensors: Iterable[TensorValues], naming: Naming) -> list[str]:
    """Patterns of tensors that a framework's own models do not have."""
    return [row.pattern for row in tensors if _part(naming, row.names[0]) is None]


def not_its_own(
    framework: str, tensors: Iterable[TensorValues], naming: Naming
) -> tuple[Inexpressible, ...]:
    """Tensors that a framework's own models do not have: the reader's model has to."""
    return tuple(
        Inexpressible(
            pattern,
            f"{framework}'s own models have no such tensor: train a model that has it under this"
            " name, for the answer was tuned with it",
        )
        for pattern in strangers(tensors, naming)
    )


def require_all(framework: str, tensors: Iterable[TensorValues], naming: Naming) -> None:
    """Where a form has no place for other models.

    Raises:
        Refused: naming what it has no place for.

    """
    if left := strangers(tensors, naming):
        raise Refused(
            f"{framework} has no place for {', '.join(left)}: its models lack that. Use the format"
            " torch with a model that has it, or tune a family like the framework's models"
        )


_Key: TypeAlias = tuple[Part, str]
_ByPart: TypeAlias = dict[_Key, list[TensorValues]]


def _part(naming: Naming, name: str) -> _Key | None:
    module, _, suffix = name.rpartition(".")
    for part, pattern in naming.items():
        if re.match(as_regex(pattern), module):
            return part, suffix
    return None


def _by_part(naming: Naming, tensors: Iterable[TensorValues]) -> _ByPart:
    found: _ByPart = {}
    for row in tensors:
        if (key := _part(naming, row.names[0])) is not None:
            found.setdefault(key, []).append(row)
    return found


def _sources(part: Part, suffix: str, by_part: _ByPart, naming: Naming) -> list[TensorValues]:
    """Rows of the part itself, or of those that it is made of."""
    if part in (Part.UP, Part.GATE_UP) and naming.get(Part.UP) == naming.get(Part.GATE_UP):
        gated = (Part.GATE, suffix) in by_part or (Part.GATE_UP, suffix) in by_part
        if gated is (part is Part.UP):
            return []
    if part is Part.QKV and Part.QUERY in naming and (Part.QKV, suffix) not in by_part:
        return []  # kept apart, where the framework can
    apart = part in (Part.QUERY, Part.KEY, Part.VALUE)
    if apart and Part.QKV in naming and (Part.QKV, suffix) in by_part:
        return []
    ways = ((part,), *MADE_OF.get(part, ()))
    for way in ways:
        if all((source, suffix) in by_part for source in way):
            return [row for source in way for row in by_part[source, suffix]]
    return []


def _source_names(row: TensorValues, by_part: _ByPart, naming: Naming) -> set[str]:
    key = _part(naming, row.names[0])
    assert key is not None, "named so above"
    part, suffix = key
    candidates = (part, *(one for way in MADE_OF.get(part, ()) for one in way))
    return {one.pattern for at in candidates for one in by_part.get((at, suffix), ())}


def _joined(framework: str, pattern: str, sources: list[TensorValues]) -> list[TensorValues]:
    """One row of a framework's name from rows of equal numbers."""
    if not sources:
        return []
    first = sources[0]
    for other in sources[1:]:
        if _numbers(other) != _numbers(first):
            raise Refused(
                f"{framework} keeps {first.pattern} and {other.pattern} in one tensor, {pattern},"
                " and their recommended numbers differ: split it, or use the format torch"
            )
    blocks = dict.fromkeys(block for row in sources for block in map(_block, row.names))
    names = tuple(pattern.replace("*", block) if block else pattern for block in blocks)
    return [first.model_copy(update={"pattern": pattern, "names": names})]


def _block(name: str) -> str:
    return next((piece for piece in name.split(".") if piece.isdecimal()), "")


def _numbers(row: TensorValues) -> tuple[object, ...]:
    start = (row.init_std, row.constant, row.multiplier)
    others = tuple(sorted(row.others.items()))
    return (*start, row.optimizer, row.learning_rate, row.weight_decay, row.epsilon, others)
