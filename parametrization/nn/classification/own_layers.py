"""Recognise layers that people write themselves, by the names of classes and attributes.

An ordered table, first match wins, for layers that are neither torch's nor this package's: own
norms, transformers' Conv1D, routers and stacked experts, class tokens and position tables. Only
names that make the use of the tensor certain are here; all else is refused with a proposal.
"""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Final, NamedTuple

from torch import nn

from parametrization.nn.classification.declaration import Declaration, Start
from parametrization.nn.parameter_names import OwnedParameter
from parametrization.shapes.roles import Axes, Role

W, F = True, False  # a dimension that grows with width, and one that does not
_GAINS: Final = ("weight", "scale", "gamma", "g", "gain", "a_2")
SHIFTS: Final = ("bias", "beta", "b", "shift", "b_2")
_TOKENS: Final = (
    *("cls", "cls_token", "class_token", "class_embedding", "dist_token", "distillation_token"),
    *("mask_token", "reg_token", "reg_tokens", "register_tokens", "registers", "storage_tokens"),
    *("query_tokens", "latents"),
    *("pos", "pos_emb", "pos_embed", "pos_embedding", "position_embedding", "position_embeddings"),
    *("positional_embedding", "positions", "relative_position_bias_table", "bias_k", "bias_v"),
    *("mask_emb", "masked_spec_embed", "probe", "query_embed", "query_pos", "object_queries"),
)
_SCALES: Final = (
    *("layer_scale", "layer_scale_1", "layer_scale_2", "layer_scale_parameter", "lambda1"),
    *("gamma", "gamma_1", "gamma_2", "lambda_1", "lambda_2", "ls1", "ls2"),
)
_MIXES: Final = ("time_decay", "time_first", "time_faaaa", "time_mix_*", "time_maa_*")
"""Names of RWKV's vectors with one entry per channel."""
_TEMPERATURES: Final = ("logit_scale", "logits_scale", "temperature", "tau")
"""Names of temperatures: one for each head, or one number."""
_FIXED_INSIDE: Final = {
    **dict.fromkeys(("k_proj", "v_proj", "kv_proj", "wk", "wv", "to_k", "to_v"), Role.GQA_KV),
    **dict.fromkeys(("q_a_proj", "kv_a_proj", "kv_a_proj_with_mqa"), Role.FIXED_BOTTLENECK),
    "x_proj": Role.GQA_KV,
    "lora_A": Role.FIXED_BOTTLENECK,
}
"""Linears from a wide to a fixed dimension inside models, by name."""
_READOUTS: Final = (
    *("lm_head", "head", "head_dist", "classifier", "readout", "score", "qa_outputs"),
    *("fc", "fc_out", "out", "output", "output_layer", "logits", "to_logits", "unembed"),
    *("embed_out", "decoder", "proj_out", "conv_out", "mlm_head", "output_projection"),
    *("generator", "prediction_head", "policy", "predictor", "class_embed", "bbox_embed"),
)
_READOUTS_ANYWHERE: Final = frozenset(_READOUTS[:5])  # beside others, where the model holds them


class OwnRow(NamedTuple):
    """Tensors of modules whose class has a matching name.

    Attributes:
        classes: patterns of the name of the class, or of one that it inherits from.
        infinite: True for each leading dimension that grows, all others finite; None: one
            dimension at most is larger than 1, and any may grow.
        constant: initial value, unless the model's own values differ on purpose.

    """

    classes: tuple[str, ...]
    attributes: tuple[str, ...]
    infinite: tuple[bool, ...] | None
    role: Role
    fan_in_axis: Axes = None
    fan_out_axis: Axes = None
    constant: float | None = None
    stacked_axis: Axes = None
    lookup: bool | None = None
    initial: Start | None = None


_NORMS: Final = (
    *("*Norm", "*Norm?d", "*norm", "*Norm?D", "*RMSNorm*", "*LayerNorm*", "*BatchNorm*"),
    *("*GroupNorm*", "*InstanceNorm*", "*GRN", "*GlobalResponseNorm"),
)
_CONV1D: Final = ("Conv1D",)  # transformers': a Linear stored [in, out]
_TABLES: Final = ("*ParallelEmbedding",)  # Megatron's and DeepSpeed's
_LINEAR: Final = ("ColumnParallelLinear", "RowParallelLinear")  # stored [out, in]
_ROUTERS: Final = ("*Router", "*Gating", "*TopkRouter", "*TopKGate", "*MoEGate")
_HEADS: Final = ("MultiheadAttention",)
_STATES: Final = ("*Mamba*", "*GatedDeltaNet", "*SSM*", "*StateSpace*", "S4*", "S6*")
_RNN: Final = ("RNNBase", "RNNCellBase")

# fmt: off
OWN_TABLE: Final = (
    OwnRow(_NORMS,  _GAINS,                None,   Role.VECTOR),
    OwnRow(_NORMS,  SHIFTS,                None,   Role.VECTOR),
    OwnRow(_TABLES, ("weight",),           (F, W), Role.INPUT,  0, 1, lookup=True),
    OwnRow(_LINEAR, ("weight",),           (W, F), Role.INPUT,  1, 0),
    OwnRow(_LINEAR, ("weight",),           (W, W), Role.HIDDEN, 1, 0),
    OwnRow(_LINEAR, ("weight",),           (F, F), Role.SCALAR, 1, 0),
    OwnRow(_LINEAR, ("bias",),             None,   Role.VECTOR, constant=0.0),
    OwnRow(_CONV1D, ("weight",),           (F, W), Role.INPUT,  0, 1),
    OwnRow(_CONV1D, ("weight",),           (W, W), Role.HIDDEN, 0, 1),
    OwnRow(_CONV1D, ("weight",),           (F, F), Role.SCALAR, 0, 1),
    OwnRow(_CONV1D, ("bias",),             None,   Role.VECTOR, constant=0.0),
    OwnRow(_HEADS,  ("*_proj_weight",),    (W, F), Role.INPUT,  1, 0),
    OwnRow(_HEADS,  ("*_proj_weight",),    (W, W), Role.HIDDEN, 1, 0),
    OwnRow(_HEADS,  ("in_proj_bias",),     (W,),   Role.VECTOR, None, 0, constant=0.0),
    # Gates of a recurrent layer are stacked along the fan-out: [gates x hidden, in].
    OwnRow(_RNN,    ("weight_*",),         (W, F), Role.INPUT,  1, 0),
    OwnRow(_RNN,    ("weight_*",),         (W, W), Role.HIDDEN, 1, 0),
    OwnRow(_RNN,    ("bias_*",),           (W,),   Role.VECTOR, None, 0, constant=0.0),
    OwnRow(_ROUTERS, ("weight",),          (F, W), Role.MOE_ROUTER, 1, 0),
    OwnRow(_ROUTERS, ("bias", "e_score_correction_bias"), (F,), Role.SCALAR, None, 0),
    OwnRow(("*Experts",), ("*_proj_bias",), (F, W), Role.VECTOR, None, 1),
    OwnRow(("*",),  ("lora_A",),           (F, W), Role.FIXED_BOTTLENECK, 1, 0),
    OwnRow(("*",),  ("lora_B",),           (W, F), Role.INPUT, 1, 0, initial="keep"),
    OwnRow(("*",),  ("A_log",),            (W, F), Role.VECTOR, None, 0),
    OwnRow(("*",),  _MIXES,                None,   Role.VECTOR),
    OwnRow(("*",),  ("A_log",),            None,   Role.VECTOR),
    OwnRow(_STATES, ("D", "dt_bias"),      None,   Role.VECTOR),
    OwnRow(("*",),  ("sinks",),            None,   Role.VECTOR),  # a logit for each head
    OwnRow(("*",),  _TEMPERATURES,         None,   Role.VECTOR),
    OwnRow(("PReLU",), ("weight",),        None,   Role.VECTOR),
    OwnRow(("Bilinear",), ("bias",),       None,   Role.VECTOR, constant=0.0),
    OwnRow(("Bilinear",), ("weight",),     (W, W, W), Role.HIDDEN, (1, 2), 0),
    OwnRow(("Bilinear",), ("weight",),     (W, W, F), Role.HIDDEN, (1, 2), 0),
    OwnRow(("Bilinear",), ("weight",),     (W, F, W), Role.HIDDEN, (1, 2), 0),
    OwnRow(("Bilinear",), ("weight",),     (W, F, F), Role.INPUT, (1, 2), 0),
    OwnRow(("*LayerScale", "*Layer_scale"), ("*",), None, Role.VECTOR),
    OwnRow(("*",),  _SCALES,               None,   Role.VECTOR),
    OwnRow(("*",),  _TOKENS,               None,   Role.INPUT),
)
# fmt: on


def is_named_table(attribute: str) -> bool:
    """True if a raw parameter has a name that only lookup tables have."""
    return attribute in ("W_E", "W_pos", "wte", "wpe", "embedding_table", "token_embedding")


def own_row(owned: OwnedParameter, infinite: tuple[bool, ...]) -> Declaration | None:
    """Declaration of a parameter by the names of its class and attribute; None if no row fits."""
    if declared := _experts(owned, infinite) or _position_table(owned, infinite):
        return declared
    row = next((row for row in OWN_TABLE if _describes(row, owned, infinite)), None)
    if row is None:
        return _without_width(owned, infinite)
    if row.infinite is not None:
        return Declaration(
            row.role,
            row.fan_in_axis,
            row.fan_out_axis,
            row.constant,
            stacked_axis=row.stacked_axis,
            lookup=row.lookup,
            initial=row.initial,
        )
    role = row.role if any(infinite) else Role.SCALAR
    axis = infinite.index(True) if any(infinite) else None
    if axis is None and infinite:
        axis = max(range(len(infinite)), key=lambda at: owned.parameter.shape[at])
    initial: Start | None = "keep" if row.role is Role.INPUT else None
    return Declaration(role, None, axis, row.constant, initial=initial)


def _without_width(owned: OwnedParameter, infinite: tuple[bool, ...]) -> Declaration | None:
    """Scalar role of a number, or a list of numbers, in which nothing grows: all factors are 1.

    Also of tensors that cannot be trained, as the codes of a quantised weight. None for others.
    """
    sizes = owned.parameter.shape
    trains = owned.parameter.is_floating_point() or owned.parameter.requires_grad
    if not trains:
        return Declaration(Role.SCALAR, initial="keep")
    if any(infinite) or sum(size > 1 for size in sizes) > 1:
        return None
    axis = max(range(len(sizes)), key=lambda at: sizes[at], default=None)
    return Declaration(Role.SCALAR, None, axis)


def own_layer(owned: OwnedParameter) -> Declaration | None:
    """Declaration of a recognised layer's parameter, for any growing dimensions; else None."""
    rows = (row for row in OWN_TABLE if row.fan_in_axis is not None and _is_of(row, owned))
    row = next(rows, None)
    return row and Declaration(row.role, row.fan_in_axis, row.fan_out_axis)


def is_own_norm(owner: nn.Module) -> bool:
    """True if the module's class has the name of a norm."""
    return _named(owner, _NORMS)


def fixed_inside(owned: OwnedParameter, infinite: tuple[bool, ...]) -> Role | None:
    """Role of a Linear from a wide to a fixed dimension that by its name is no output; else None.

    Adapters hold theirs one level deeper: `lora_A.default.weight`.
    """
    path = owned.name.split(".")[-3:-1]
    named = [role for name, role in _FIXED_INSIDE.items() if name in path]
    return named[0] if named and infinite == (F, W) else None


def is_selection(owned: OwnedParameter, infinite: tuple[bool, ...]) -> bool:
    """True for a Linear, from a wide to a fixed dimension, beside a state space's `A_log`.

    It computes the time step, or the vectors by which the state is written and read: keys and
    queries. Started at 1/fan_in, as a bottleneck is, their product vanishes and the scan with it;
    muP does not cover a scan (Vankadara et al. 2024, NeurIPS, On Feature Learning in Structured
    State Space Models).
    """
    return infinite == (F, W) and any("A_log" in p.parent._parameters for p in owned.places)


def is_router(owned: OwnedParameter, infinite: tuple[bool, ...]) -> bool:
    """True for a Linear, from a wide to a fixed dimension, with a router's names."""
    leaf = owned.name.split(".")[-2:-1]
    parents = tuple(place.parent for place in owned.places)
    return (
        infinite == (F, W)
        and bool(leaf)
        and leaf[0] in ("gate", "router", "classifier", "wg")
        and any(_named(parent, ("*Router", "*MoE*", "*Moe*", "*MOE*")) for parent in parents)
    )


def is_readout(name: str, infinite: tuple[bool, ...], *, is_last: bool) -> bool:
    """True for a map from a wide to a fixed dimension that has an output layer's name.

    Args:
        name: of the weight.
        is_last: True if no matrix of the model comes after it.

    """
    path = name.split(".")[:-1]
    if infinite[:2] != (F, W) or any(infinite[2:]) or not path:
        return False
    beside_others = path[-1] in _READOUTS_ANYWHERE or path[-1].endswith("_head")
    return (is_last and path[-1] in _READOUTS) or (len(path) == 1 and beside_others)


def readout_path(path: Sequence[str]) -> tuple[str, ...] | None:
    """The first part of a module's path that has an output layer's name; None if none has.

    >>> readout_path(("net", "lm_head", "1")), readout_path(("heads", "age", "0"))
    (('net', 'lm_head'), ('heads', 'age'))
    """
    if path[:1] == ("heads",):
        return tuple(path[:2])
    named = (at for at, part in enumerate(path, start=1) if part in _READOUTS)
    at = next(named, None)
    return None if at is None else tuple(path[:at])


def _experts(owned: OwnedParameter, infinite: tuple[bool, ...]) -> Declaration | None:
    """Stacked experts of transformers: [experts, out, in]; `is_transposed`: [experts, in, out]."""
    if infinite != (F, W, W) or not _named(owned.owner, ("*Experts",)):
        return None
    if owned.attribute not in ("gate_up_proj", "up_proj", "down_proj", "gate_proj"):
        return None
    transposed = getattr(owned.owner, "is_transposed", None)
    if not isinstance(transposed, bool):
        return None
    fan_in, fan_out = (1, 2) if transposed else (2, 1)
    return Declaration(Role.HIDDEN, fan_in, fan_out, stacked_axis=0)


def _position_table(owned: OwnedParameter, infinite: tuple[bool, ...]) -> Declaration | None:
    """Rows added to a sequence: [positions, width], with any number of dimensions of size 1."""
    if owned.attribute not in _TOKENS or infinite.count(True) != 1:
        return None
    return Declaration(Role.INPUT, None, infinite.index(True), initial="keep")


def _describes(row: OwnRow, owned: OwnedParameter, infinite: tuple[bool, ...]) -> bool:
    if not _is_of(row, owned):
        return False
    if row.infinite is None:
        return sum(size > 1 for size in owned.parameter.shape) <= 1 and infinite.count(True) <= 1
    leading = len(row.infinite)
    return infinite[:leading] == row.infinite and not any(infinite[leading:])


def _is_of(row: OwnRow, owned: OwnedParameter) -> bool:
    return any(fnmatchcase(owned.attribute, a) for a in row.attributes) and _named(
        owned.owner, row.classes
    )


def _named(module: nn.Module, patterns: tuple[str, ...]) -> bool:
    """True if the module's class, or one that it inherits from, has a name that fits a pattern."""
    ancestry = [cls.__name__ for cls in type(module).__mro__ if issubclass(cls, nn.Module)][:-1]
    return any(fnmatchcase(name, pattern) for name in ancestry for pattern in patterns)
