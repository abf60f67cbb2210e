"""Write a recommendation as a config file of nanoGPT-mup (branch completep).

Source: EleutherAI/nanoGPT-mup, branch completep, `model.py` and `train.py`. It ties its readout,
decays no norm, scales epsilon for all groups alike, knows one initial size, and has the cosine
alone; `master` lacks the depth variables and scales neither epsilon nor decay.
"""

import math
from collections.abc import Mapping
from typing import Any, Final

from parametrization.optimizers.built_in.adam import ADAM, ADAMW
from parametrization.recommendation.document import RecommendationDocument
from parametrization.recommendation.values import TensorValues
from parametrization.rules.depth import DepthRule
from parametrization.scaling.schedule import ScheduleShape
from tuner.recommendation.exports.frameworks.heads import heads_of
from tuner.recommendation.exports.frameworks.namings import GPT2
from tuner.recommendation.exports.frameworks.renaming import renamed, require_all
from tuner.recommendation.exports.protocol.export import (
    Export,
    Factor,
    Files,
    Inexpressible,
    Reading,
    Refused,
    TensorReading,
)
from tuner.recommendation.exports.protocol.numbers import (
    row_of_optimizer,
    row_of_schedule,
    warmup_updates,
)
from tuner.recommendation.exports.protocol.python_files import (
    PYTHON,
    comment,
    heading_of,
    literals,
)
from tuner.recommendation.exports.protocol.ten_steps import found_by_round_trip

FILE: Final = "widthwise_target.py"
_NAME: Final = "nanoGPT-mup"
_OPTIMIZERS: Final = {ADAMW.name: True, ADAM.name: True}
_SCHEDULES: Final[Mapping[str, bool]] = {ScheduleShape.COSINE: True}
_HIDDEN: Final = ("c_attn.weight", "c_fc.weight", "c_proj.weight")
_TABLES: Final = ("transformer.wte.weight", "transformer.wpe.weight")


def numbers(document: RecommendationDocument) -> tuple[TensorValues, ...]:
    """The numbers by nanoGPT's names."""
    rows = renamed(_NAME, document.tensors, GPT2)
    require_all(_NAME, rows, GPT2)
    if any(row.pattern == "lm_head.weight" for row in rows):
        raise Refused(
            "nanoGPT-mup ties the readout to the embedding, and the study tuned a model whose"
            " readout has a tensor of its own: tune the family with tied: true, or use the format"
            " torch"
        )
    return rows


def _render(document: RecommendationDocument) -> Files:
    row_of_optimizer(_NAME, _OPTIMIZERS, document)
    row_of_schedule(_NAME, _SCHEDULES, document.schedule)
    rows = numbers(document)
    fields = "\n".join(f"{name} = {value!r}" for name, value in _fields(document, rows).items())
    heading = heading_of(document, _left_out(document))
    return {FILE: f"{comment(heading)}\n# python train.py {FILE}\n{fields}\n"}


def _fields(document: RecommendationDocument, rows: tuple[TensorValues, ...]) -> dict[str, Any]:
    growth, schedule = document.width_multiplier, document.schedule
    table = next(row for row in rows if row.pattern == _TABLES[0])
    hidden = next(row for row in rows if row.pattern.endswith(_HIDDEN[0]))
    assert hidden.init_std is not None
    assert hidden.epsilon is not None
    clip, policies = document.gradient_clip_norm, document.policies
    deeper = policies.depth_rule is not DepthRule.NONE
    depth = document.multipliers.depth if deeper else 1.0
    heads = heads_of(document)
    return {
        "n_layer": document.target.depth,
        "n_embd": document.width,
        **({} if heads is None else {"n_head": heads.heads}),
        "bias": any(row.pattern.endswith(".bias") for row in rows),
        "dropout": 0.0,
        "mup_enabled": True,
        "mup_width_multiplier": growth,
        "mup_input_alpha": 1.0,
        "mup_output_alpha": table.multiplier * growth,
        "mup_disable_attention_scaling": True,  # 1/sqrt(head size), which the proxies have
        "depth_alpha_enabled": True,  # also where depth stays: it alone scales decay and epsilon
        "depth_multiplier": depth,
        "depth_alpha_exp": policies.alpha if deeper else 1.0,
        "init_std": hidden.init_std * math.sqrt(growth),
        "learning_rate": table.learning_rate,
        "weight_decay": table.weight_decay,
        "beta1": table.others["beta1"],
        "beta2": table.others["beta2"],
        "adam_eps": hidden.epsilon * growth * depth ** (policies.alpha if deeper else 1.0),
        "grad_clip": 0.0 if clip is None else clip,
        "decay_lr": True,
        "max_iters": schedule.steps,
        "lr_decay_iters": schedule.steps,
        "warmup_iters": warmup_updates(schedule),
        "min_lr": table.learning_rate * schedule.final_fraction,
    }


def _left_out(document: RecommendationDocument) -> tuple[Inexpressible, ...]:
    if warmup_updates(document.schedule) == 0:
        return ()
    words = "its warm-up is one update late: the first update runs at a rate of 0"
    return (Inexpressible("first update of the warm-up", words),)


def _read(files: Files) -> Reading:
    found = literals(files[FILE])
    growth, depth = found["mup_width_multiplier"], found["depth_multiplier"]
    alpha, rate = found["depth_alpha_exp"], found["learning_rate"]
    epsilon = found["adam_eps"] / growth * depth**-alpha
    by_depth = depth ** (alpha - 1)

    def of(name: str) -> TensorReading:
        if name in _TABLES:
            alphas = found["mup_output_alpha"] / growth if name == _TABLES[0] else 1.0
            return TensorReading(rate, found["weight_decay"], epsilon, found["init_std"], alphas)
        if name.endswith(_HIDDEN):
            decay, std = found["weight_decay"] * growth, found["init_std"] / math.sqrt(growth)
            return TensorReading(rate * by_depth / growth, decay, epsilon, std, 1.0)
        inside = 1.0 if ".ln_f." in name else by_depth
        return TensorReading(rate * inside, 0.0, epsilon, multiplier=1.0)

    return Reading(of, _factor(found), depth**-alpha)


def _factor(found: Mapping[str, Any]) -> Factor:
    warmup, total = found["warmup_iters"], found["lr_decay_iters"]
    floor = found["min_lr"] / found["learning_rate"]

    def factor(step: int) -> float:
        if step < warmup:
            return float(step / warmup)
        progress = (step - warmup) / (total - warmup)
        return float(floor + (1 - floor) * (1 + math.cos(math.pi * progress)) / 2)

    return factor


EXPORT: Final = Export(
    name="nanogpt-mup",
    words="A config file of nanoGPT-mup's branch completep",
    media_type=PYTHON,
    render=_render,
    inexpressible=found_by_round_trip(_left_out, _render, _read, numbers),
    read=_read,
    numbers=numbers,
)
