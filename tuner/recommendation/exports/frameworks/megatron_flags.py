"""Megatron-LM's flags, and the numbers that its own muP trains with from them alone.

With m = hidden size / base hidden size: rates and epsilons of matrices other than tables are
divided by m, their initial sizes by sqrt(m), those of projections back to the stream by
sqrt(2 layers) besides; one decay acts on every tensor of two dimensions, none on others.
"""

import math
from collections.abc import Mapping
from typing import Any, Final

from parametrization.recommendation.document import RecommendationDocument
from parametrization.recommendation.values import ScheduleValues, TensorValues
from parametrization.scaling.schedule import ScheduleShape
from tuner.recommendation.exports.frameworks.heads import heads_of
from tuner.recommendation.exports.protocol.export import (
    Factor,
    Inexpressible,
    Reading,
    TensorReading,
)
from tuner.recommendation.exports.protocol.numbers import (
    decay_updates,
    row_of_schedule,
    warmup_updates,
)

Flags = Mapping[str, Any]
"""By name without dashes; True where there is no value."""
SCHEDULES: Final[Mapping[str, Mapping[str, Any]]] = {
    ScheduleShape.CONSTANT: {"lr-decay-style": "constant"},
    ScheduleShape.LINEAR: {"lr-decay-style": "linear"},
    ScheduleShape.COSINE: {"lr-decay-style": "cosine"},
    # Its own default would be exponential.
    ScheduleShape.WSD: {"lr-decay-style": "WSD", "lr-wsd-decay-style": "linear"},
    "wsd_sqrt": {"lr-decay-style": "WSD", "lr-wsd-decay-style": "minus_sqrt"},
}
_TABLES: Final = ("word_embeddings.weight", "position_embeddings.weight")
_READOUT: Final = "output_layer.weight"
_BACK_TO_THE_STREAM: Final = ("linear_proj.weight", "linear_fc2.weight")


def flags_of(
    document: RecommendationDocument, rows: tuple[TensorValues, ...], optimizer: str
) -> Flags:
    """Flags of the model's muP, of the optimizer and of the schedule.

    Raises:
        Refused: if Megatron lacks the schedule.

    """
    growth = document.width_multiplier
    table, hidden = _the(rows, _TABLES[0]), _the(rows, "linear_qkv.weight")
    readout = next((row for row in rows if row.pattern.endswith(_READOUT)), table)
    clip = document.gradient_clip_norm
    return {
        **_of_the_model(document, rows, readout),
        "use-mup": True,
        "mup-base-hidden-size": document.base_width,
        "mup-output-mult": _absolute(readout.multiplier),
        "init-method-std": _number(hidden.init_std) * math.sqrt(growth),
        "embedding-init-method-std": _number(table.init_std),
        "optimizer": optimizer,
        "lr": table.learning_rate,
        "min-lr": table.learning_rate * document.schedule.final_fraction,
        "adam-beta1": table.others["beta1"],
        "adam-beta2": table.others["beta2"],
        "adam-eps": _number(hidden.epsilon) * growth,
        "weight-decay": hidden.weight_decay,
        "clip-grad": 0.0 if clip is None else clip,
        "global-batch-size": document.target.batch_size,
        **_of_the_schedule(document.schedule),
    }


def _absolute(multiplier: float) -> float:
    """The multiplier, or the next number above 1.0, which Megatron takes to mean 1 / m."""
    return math.nextafter(1.0, 2.0) if multiplier == 1.0 else multiplier


def _number(given: float | None) -> float:
    assert given is not None, "drawn tensors have a size, and Adam an epsilon"
    return given


def _the(rows: tuple[TensorValues, ...], ending: str) -> TensorValues:
    return next(row for row in rows if row.pattern.endswith(ending))


def _of_the_model(
    document: RecommendationDocument, rows: tuple[TensorValues, ...], readout: TensorValues
) -> dict[str, Any]:
    names = [row.pattern for row in rows]
    down = _the(rows, "linear_fc2.weight")
    flags: dict[str, Any] = {
        "hidden-size": document.width,
        "num-layers": document.target.depth,
        "ffn-hidden-size": down.shape[1],
    }
    if _is_gated(document):
        flags["swiglu"] = True
    if readout.pattern.endswith(_READOUT):
        flags["untie-embeddings-and-output-weights"] = True
    if not any(name.endswith(_TABLES[1]) for name in names):
        flags["position-embedding-type"] = "rope"
    if any("q_layernorm" in name for name in names):
        flags["qk-layernorm"] = True
    if not any(name.endswith("norm.bias") for name in names):
        flags["normalization"] = "RMSNorm"
    heads = heads_of(document)
    if heads is not None:
        flags |= {"num-attention-heads": heads.heads, "kv-channels": heads.size}
        flags["mup-base-head-dim"] = heads.base_size
        if heads.kv_heads != heads.heads:
            flags |= {"group-query-attention": True, "num-query-groups": heads.kv_heads}
    return flags


def _is_gated(document: RecommendationDocument) -> bool:
    return any("gate" in name for row in document.tensors for name in row.names)


def _of_the_schedule(schedule: ScheduleValues) -> dict[str, Any]:
    style = row_of_schedule("Megatron-LM", SCHEDULES, schedule)
    decay = {"lr-wsd-decay-iters": decay_updates(schedule)} if len(style) == 2 else {}
    return {
        "train-iters": schedule.steps,
        **style,
        **decay,
        "lr-decay-iters": schedule.steps,
        "lr-warmup-iters": warmup_updates(schedule),
        "lr-warmup-init": 0.0,  # one absolute rate for all groups
    }


def lost_in_flags(document: RecommendationDocument, flags: Flags) -> tuple[Inexpressible, ...]:
    """Numbers that neither flags nor overrides can express."""
    found = []
    if flags["lr-warmup-iters"]:
        words = "Megatron's warm-up is one update late: the first update runs at a rate of 0"
        found.append(Inexpressible("first update of the warm-up", words))
    if document.residual_multiplier != 1:
        words = (
            "Megatron adds branches as they are, and its initial 1/sqrt(2 layers) is no substitute:"
            f" change its layers to add {document.residual_multiplier:g} * f(x)"
        )
        found.append(Inexpressible("residual multiplier", words))
    if "kv-channels" not in flags:
        words = (
            "the study does not say how large its heads are: set --kv-channels and"
            " --mup-base-head-dim (unset, attention is scaled by 1 / head size)"
        )
        found.append(Inexpressible("attention scale", words))
    return tuple(found)


def read_by_flags(flags: Flags, rows: tuple[TensorValues, ...]) -> Reading:
    """Numbers that Megatron's own muP derives from the flags."""
    growth = float(flags["hidden-size"]) / float(flags["mup-base-hidden-size"])
    one_dimensional = {name for row in rows for name in row.names if len(row.shape) == 1}
    shift = {"rate": float(flags["lr"]), "eps": float(flags["adam-eps"])}

    def of(name: str) -> TensorReading:
        decay = 0.0 if name in one_dimensional else float(flags["weight-decay"])
        outer = name.endswith((*_TABLES, _READOUT))
        by = 1.0 if outer or name in one_dimensional else growth
        multiplier = float(flags["mup-output-mult"]) if _is_readout(flags, name) else 1.0
        std = None if name in one_dimensional else _std(flags, name, outer=outer, growth=growth)
        return TensorReading(shift["rate"] / by, decay, shift["eps"] / by, std, multiplier)

    return Reading(of, schedule_of_flags(flags))


def _is_readout(flags: Flags, name: str) -> bool:
    untied = "untie-embeddings-and-output-weights" in flags
    return name.endswith(_READOUT if untied else _TABLES[0])


def _std(flags: Flags, name: str, *, outer: bool, growth: float) -> float:
    if outer:
        return float(flags["embedding-init-method-std"])
    std = float(flags["init-method-std"]) / math.sqrt(growth)
    back = name.endswith(_BACK_TO_THE_STREAM)
    return std / math.sqrt(2 * float(flags["num-layers"])) if back else std


def schedule_of_flags(flags: Flags) -> Factor:
    """`OptimizerParamScheduler.get_lr` over the peak; its first update reads step 0."""
    warmup, total = int(flags["lr-warmup-iters"]), int(flags["lr-decay-iters"])
    floor, style = float(flags["min-lr"]) / float(flags["lr"]), flags["lr-decay-style"]

    def factor(step: int) -> float:
        if warmup and step <= warmup:
            return step / warmup
        if style == "constant":
            return 1.0
        progress = (step - warmup) / (total - warmup)
        if style == "WSD":
            decay = int(flags["lr-wsd-decay-iters"])
            progress = max(0, step - (total - decay)) / decay
        return floor + (1 - floor) * left_of_peak(flags, progress, "-")

    return factor


def left_of_peak(given: Mapping[str, Any], progress: float, dash: str) -> float:
    """Share of the fall from the peak that the scheduler of Megatron and NeMo leaves.

    Args:
        progress: through the decay, from 0 to 1.
        dash: between the words of its fields.

    """
    style = given[f"lr{dash}decay{dash}style"]
    if style == "WSD":
        style = given[f"lr{dash}wsd{dash}decay{dash}style"]
    if style == "cosine":
        return (1 + math.cos(math.pi * progress)) / 2
    return 1 - math.sqrt(progress) if style == "minus_sqrt" else 1 - progress
