"""A recommendation's multipliers in the config of a model of Granite's kind.

Of the models in transformers 5.24.0, Granite's alone have all four: `embedding_multiplier` (times),
`logits_scaling` (divides the logits), `residual_multiplier` (times every branch) and
`attention_multiplier` (in the place of 1/sqrt(head size)).
"""

import math
from collections.abc import Sequence
from typing import Any, Final

from parametrization.recommendation.document import RecommendationDocument
from parametrization.recommendation.values import TensorValues
from tuner.recommendation.exports.frameworks.heads import Heads, heads_of
from tuner.recommendation.exports.frameworks.namings import LLAMA, Part
from tuner.recommendation.exports.frameworks.renaming import renamed
from tuner.spec.families.gpt import Gpt

MULTIPLIERS: Final = (
    "embedding_multiplier",
    "logits_scaling",
    "residual_multiplier",
    "attention_multiplier",
)


def granite_config(document: RecommendationDocument) -> dict[str, Any] | None:
    """The config of the target; None where it is no model of that kind."""
    described, heads = document.described, heads_of(document)
    if heads is None or (described is not None and not described.multipliers):
        return None
    if described is None and not _is_alike(document):
        return None
    rows = granite_rows(document)
    sizes = {name: row.shape for row in rows for name in row.names}
    tied = f"{LLAMA[Part.READOUT]}.weight" not in sizes
    vocabulary, width = sizes[f"{LLAMA[Part.TOKEN_TABLE]}.weight"]
    feed_forward = f"{LLAMA[Part.UP].replace('*', '0')}.weight"
    bias = f"{LLAMA[Part.QUERY].replace('*', '0')}.bias", feed_forward.replace("weight", "bias")
    size = {} if heads.heads * heads.size == width else {"head_dim": heads.size}
    context = None if described is None else described.context
    if described is None:
        assert isinstance(document.family, Gpt), "it has heads"
        context = document.family.context
    return {
        "architectures": ["GraniteForCausalLM"],
        "model_type": "granite",
        "hidden_size": width,
        "intermediate_size": sizes[feed_forward][0],
        "num_hidden_layers": document.target.depth,
        "num_attention_heads": heads.heads,
        "num_key_value_heads": heads.kv_heads,
        **size,
        "vocab_size": vocabulary,
        **({} if context is None else {"max_position_embeddings": context}),
        "tie_word_embeddings": tied,
        "hidden_act": "silu",
        "attention_bias": bias[0] in sizes,
        "mlp_bias": bias[1] in sizes,
        **wanted_multipliers(rows, document.residual_multiplier, heads),
    }


def granite_rows(document: RecommendationDocument) -> tuple[TensorValues, ...]:
    """The answer's numbers by transformers' names."""
    return renamed("transformers", document.tensors, LLAMA)


def wanted_multipliers(
    rows: Sequence[TensorValues], residual_multiplier: float, heads: Heads
) -> dict[str, float]:
    """Values that the multiplier fields need.

    Args:
        rows: by transformers' names.

    """
    by_name = {row.pattern: row.multiplier for row in rows}
    tied = by_name.get(f"{LLAMA[Part.TOKEN_TABLE]}.weight", 1.0)
    readout = by_name.get(f"{LLAMA[Part.READOUT]}.weight", tied)
    scale = math.sqrt(heads.base_size) / heads.size
    return dict(zip(MULTIPLIERS, (1.0, 1 / readout, residual_multiplier, scale), strict=True))


def _is_alike(document: RecommendationDocument) -> bool:
    family = document.family
    if not isinstance(family, Gpt) or document.dataset is None:
        return False
    plain = family.experts == 1 and not family.qk_norm and family.norm_gains
    modern = family.norm == "rmsnorm" and family.activation == "swiglu"
    return plain and modern and family.positions == "rope"
