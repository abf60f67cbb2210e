"""List the fields of a config.json that change the forward pass and no tensor's shape.

A config that such a field makes a model of other tensors is refused.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from tuner.recommendation.targets.described import IllegalConfiguration
from tuner.recommendation.targets.fields import Fields

_PLAIN: Final = frozenset(
    {
        *("attn_logit_softcapping", "final_logit_softcapping", "query_pre_attn_scalar"),
        *("num_experts", "num_local_experts", "moe_intermediate_size"),
        *("attention_dropout", "attn_pdrop", "embd_pdrop", "resid_pdrop", "dropout"),
        *("hidden_dropout_prob", "attention_probs_dropout_prob"),
        *("scale_attn_by_inverse_layer_idx", "vision_config", "audio_config"),
    }
)
"""Without effect where they are null, false or 0."""
_OTHER_TENSORS: Final = {
    "quantization_config": "the weights are quantised: give the config of the model as trained",
    "add_cross_attention": "cross-attention has tensors of its own: give the tensors of your model",
    "is_encoder_decoder": "an encoder has tensors of its own: give the tensors of your model",
}
_KINDS_OF_LAYERS: Final = ("full_attention", "sliding_attention")


def refuse_other_tensors(config: Mapping[str, Any], heads: tuple[str, ...]) -> None:
    """Refuse a config whose model has other tensors than its architecture's.

    Args:
        heads: endings of the names of classes that have the readout described here.

    Raises:
        IllegalConfiguration: if there is such a field.

    """
    for name, words in _OTHER_TENSORS.items():
        if config.get(name) not in (None, False):
            raise IllegalConfiguration(name, f"{words} without {name}")
    classes = config.get("architectures")
    if not classes:
        return
    if not isinstance(classes, list) or not any(str(one).endswith(heads) for one in classes):
        words = f"{str(classes)[:60]} is not read, as its head differs: only {' and '.join(heads)}"
        raise IllegalConfiguration("architectures", words)


def unread(fields: Fields, *, depth: int, activation: tuple[str, frozenset[str]]) -> Iterator[str]:
    """Each field that the shapes do not show, as the answer names it.

    Args:
        depth: number of entries of `layer_types`.
        activation: the field of the activation, and its usual values.

    Raises:
        IllegalConfiguration: if one of them is of another type, or contradicts another.

    """
    yield from fields.left(_PLAIN)
    named, usual = activation
    given = fields.value(named)
    if given is not None and not (isinstance(given, str) and given in usual):
        yield f"{named} {str(given)[:40]}"
    if fields.value("scale_attn_weights") is False:
        yield "scale_attn_weights"
    for name in ("rope_scaling", "rope_parameters"):
        if _scales(name, fields.value(name)):
            yield name
    window = fields.value("use_sliding_window") is not False and fields.value("sliding_window")
    if window or "sliding_attention" in _layer_types(fields, depth):
        yield "sliding_window"


def _scales(name: str, rope: object) -> bool:
    """True if rotary positions use scaled frequencies."""
    if rope is None:
        return False
    if not isinstance(rope, Mapping):
        raise IllegalConfiguration(name, "must be an object of rope_type and its numbers, or null")
    of_layers = [rope[kind] for kind in _KINDS_OF_LAYERS if rope.get(kind) is not None]
    if of_layers:
        return any(_scales(name, one) for one in of_layers)
    return bool(rope.get("rope_type", rope.get("type", "default")) != "default")


def _layer_types(fields: Fields, depth: int) -> list[str]:
    name = "layer_types"
    kinds = fields.value(name)
    if kinds is None:
        return []
    if not isinstance(kinds, list) or any(kind not in _KINDS_OF_LAYERS for kind in kinds):
        words = (
            f"must be a list of {' and '.join(_KINDS_OF_LAYERS)}: other layers have other tensors"
        )
        raise IllegalConfiguration(name, words)
    if len(kinds) != depth:
        words = f"has {len(kinds)} entries and num_hidden_layers is {depth}: give one a layer"
        raise IllegalConfiguration(name, words)
    return kinds
