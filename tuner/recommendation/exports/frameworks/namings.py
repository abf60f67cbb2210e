"""Names that frameworks give the parts of a transformer.

A naming is one pattern a part, with `*` for block numbers. Where one framework fuses what another
keeps apart, a part is made of several: `MADE_OF`.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, TypeAlias


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
    PATCHES = "embedding of patches"
    CLASS_TOKEN = "class token"


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
WIDTHWISE_VIT: Final[Naming] = {
    Part.PATCHES: "embedding.patch",
    Part.POSITION_TABLE: "embedding.position",
    Part.ATTENTION_NORM: "blocks.*.0.branch.norm",
    Part.QKV: "blocks.*.0.branch.layer.qkv",
    Part.ATTENTION_OUT: "blocks.*.0.branch.layer.out",
    Part.FEED_FORWARD_NORM: "blocks.*.1.branch.norm",
    Part.UP: "blocks.*.1.branch.layer.up",
    Part.DOWN: "blocks.*.1.branch.layer.down",
    Part.FINAL_NORM: "norm",
    Part.READOUT: "readout",
}
"""The built-in family vit."""
VIT: Final[Naming] = {
    Part.PATCHES: "vit.embeddings.patch_embeddings.projection",
    Part.ATTENTION_NORM: "vit.layers.*.layernorm_before",
    Part.QUERY: "vit.layers.*.attention.q_proj",
    Part.KEY: "vit.layers.*.attention.k_proj",
    Part.VALUE: "vit.layers.*.attention.v_proj",
    Part.ATTENTION_OUT: "vit.layers.*.attention.o_proj",
    Part.FEED_FORWARD_NORM: "vit.layers.*.layernorm_after",
    Part.UP: "vit.layers.*.mlp.fc1",
    Part.DOWN: "vit.layers.*.mlp.fc2",
    Part.FINAL_NORM: "vit.layernorm",
    Part.READOUT: "classifier",
}
"""ViTForImageClassification of transformers."""
VISION: Final = (WIDTHWISE_VIT, VIT)
"""Of image models: no export renames to these."""
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
HOLDS: Final = {Part.QKV: 3, Part.KV: 2, Part.GATE_UP: 2}
"""Equal parts of a fused tensor."""
