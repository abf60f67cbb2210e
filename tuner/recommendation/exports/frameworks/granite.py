"""A recommendation's multipliers in the config of a model of Granite's kind.

Of the models in transformers 5.24.0, Granite's alone have all four: `embedding_multiplier` (times),
`logits_scaling` (divides the logits), `residual_multiplier` (times every branch) and
`attention_multiplier` (in the place of 1/sqrt(head size)).
"""

import math
from typing import Any

from parametrization.recommendation.document import RecommendationDocument
from parametrization.shapes.family_sizes import TIED_SCALE
from tuner.recommendation.exports.frameworks.heads import heads_of
from tuner.spec.families.gpt import Gpt


def granite_config(document: RecommendationDocument) -> dict[str, Any] | None:
    """The config of the target; None where it is no model of that kind."""
    family = document.family
    if not isinstance(family, Gpt) or not _is_alike(family) or document.dataset is None:
        return None
    if document.described is not None:
        return None  # the target has a configuration of its own
    rows = {name: row for row in document.tensors for name in row.names}
    readout = rows["token.weight" if family.tied else "readout.weight"]
    heads = heads_of(document)
    assert heads is not None, "of this family"
    return {
        "architectures": ["GraniteForCausalLM"],
        "model_type": "granite",
        "hidden_size": document.width,
        "intermediate_size": rows["blocks.0.feed_forward.up.weight"].shape[0],
        "num_hidden_layers": document.target.depth,
        "num_attention_heads": heads.heads,
        "num_key_value_heads": heads.kv_heads,
        "vocab_size": document.dataset.vocabulary,
        "max_position_embeddings": family.context,
        "tie_word_embeddings": family.tied,
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "embedding_multiplier": 1.0,
        "logits_scaling": 1 / (readout.multiplier * (TIED_SCALE if family.tied else 1.0)),
        "residual_multiplier": document.residual_multiplier,
        "attention_multiplier": 1 / math.sqrt(family.head_size),
    }


def _is_alike(family: Gpt) -> bool:
    plain = family.experts == 1 and not family.qk_norm and family.norm_gains
    modern = family.norm == "rmsnorm" and family.activation == "swiglu"
    return plain and modern and family.positions == "rope"
