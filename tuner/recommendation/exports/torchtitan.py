"""Write a recommendation as a Python recipe for torchtitan.

Its forward pass is plain, so that the multiplier-free form is what it can train. Source:
torchtitan b5bcd76, `components/optimizer` (first match wins, a pattern that matches nothing is
refused, keyword arguments are complete) and `components/optimizer/lr_scheduler.py`.
"""

import math
from collections.abc import Callable, Mapping
from string import Template
from typing import Any, Final

from parametrization.optimizers.built_in.adam import ADAM, ADAMW
from parametrization.recommendation.document import RecommendationDocument
from parametrization.recommendation.values import ScheduleValues, TensorValues
from parametrization.scaling.schedule import ScheduleShape
from tuner.recommendation.exports.frameworks.namings import TORCHTITAN
from tuner.recommendation.exports.frameworks.renaming import not_its_own, renamed
from tuner.recommendation.exports.protocol.export import (
    Export,
    Factor,
    Files,
    Inexpressible,
    Reading,
    TensorReading,
)
from tuner.recommendation.exports.protocol.numbers import (
    decay_updates,
    row_of_optimizer,
    row_of_schedule,
    warmup_updates,
    without_multipliers,
)
from tuner.recommendation.exports.protocol.plain_forward import lost_in_the_forward_pass
from tuner.recommendation.exports.protocol.python_files import PYTHON, comment, heading_of, literals
from tuner.recommendation.exports.protocol.selectors import as_regex, by_pattern
from tuner.recommendation.exports.protocol.tables import first_match
from tuner.recommendation.exports.protocol.ten_steps import found_by_round_trip

FILE: Final = "widthwise_target.py"
_NAME: Final = "torchtitan"
_OPTIMIZERS: Final = {ADAM.name: "Adam", ADAMW.name: "AdamW"}


def _falling(kind: str) -> Mapping[str, Any]:
    return {"decay_ratio": None, "decay_type": kind}


_SCHEDULES: Final[Mapping[str, Mapping[str, Any]]] = {
    ScheduleShape.CONSTANT: {"decay_ratio": None, "decay_type": "linear", "min_lr_factor": 1.0},
    ScheduleShape.LINEAR: _falling("linear"),
    ScheduleShape.COSINE: _falling("cosine"),
    ScheduleShape.WSD: {"decay_type": "linear"},
    "wsd_sqrt": {"decay_type": "sqrt"},
}
"""Fields beside warm-up and floor; `decay_ratio` of what is left out is the recommendation's."""


_LEFT: Final[Mapping[str, Callable[[float], float]]] = {
    "linear": lambda progress: 1 - progress,
    "sqrt": lambda progress: 1 - math.sqrt(progress),
    "cosine": lambda progress: (1 + math.cos(math.pi * progress)) / 2,
}


def numbers(document: RecommendationDocument) -> tuple[TensorValues, ...]:
    """Multiplier-free, by the names of torchtitan's models."""
    return renamed(_NAME, without_multipliers(document), TORCHTITAN)


def _render(document: RecommendationDocument) -> Files:
    optimizer = row_of_optimizer(_NAME, _OPTIMIZERS, document)
    rows = by_pattern(numbers(document))
    groups = [(as_regex(row.pattern), _arguments(row)) for row in rows]
    start = {row.pattern: (row.init_std, row.constant) for row in rows}
    return {
        FILE: _RECIPE.substitute(
            heading=comment(heading_of(document, _left_out(document))),
            optimizer=optimizer,
            groups="".join(f"    {group!r},\n" for group in groups),
            schedule=repr(_schedule(document.schedule)),
            start="".join(f"    {pattern!r}: {at!r},\n" for pattern, at in start.items()),
            steps=document.schedule.steps,
        )
    }


def _arguments(row: TensorValues) -> dict[str, Any]:
    """Complete: torchtitan fills in torch's defaults for what is missing, a decay of 0.01 too."""
    return {
        "lr": row.learning_rate,
        "betas": (row.others["beta1"], row.others["beta2"]),
        "eps": row.epsilon,
        "weight_decay": row.weight_decay,
    }


def _schedule(schedule: ScheduleValues) -> dict[str, Any]:
    return {
        "warmup_steps": warmup_updates(schedule),
        "total_steps": schedule.steps,
        "decay_ratio": decay_updates(schedule) / schedule.steps,
        "min_lr_factor": schedule.final_fraction,
        **row_of_schedule(_NAME, _SCHEDULES, schedule),
    }


def _left_out(document: RecommendationDocument) -> tuple[Inexpressible, ...]:
    return (
        *lost_in_the_forward_pass(_NAME, document),
        *not_its_own(_NAME, numbers(document), TORCHTITAN),
    )


def read(files: Files) -> Reading:
    """The groups that `OptimizersContainer` and `LRSchedulersContainer` build."""
    found = literals(files[FILE])
    starts = [(as_regex(pattern), start) for pattern, start in found["START"].items()]

    def of(name: str) -> TensorReading:
        given = first_match(found["PARAM_GROUPS"], name)
        std, _ = first_match(starts, name)
        return TensorReading(given["lr"], given["weight_decay"], given["eps"], std, 1.0)

    return Reading(of, _factor(found["LR_SCHEDULER"]))


def _factor(given: Mapping[str, Any]) -> Factor:
    total, warmup = given["total_steps"], given["warmup_steps"]
    ratio, floor = given["decay_ratio"], given["min_lr_factor"]
    decay = total - warmup if ratio is None else round(total * ratio)
    stable_until = total + 1 - decay  # a virtual last step keeps the last rate above the floor

    def factor(step: int) -> float:
        if step < warmup:
            return float((step + 1) / warmup)
        if step < stable_until:
            return 1.0
        progress = (step + 1 - stable_until) / decay
        left = _LEFT[given["decay_type"]](progress)
        return float(floor + (1 - floor) * left)

    return factor


_RECIPE: Final = Template('''\
$heading
"""A target for torchtitan: call `use` on a Trainer.Config of your model."""
from functools import partial

# First match wins; a pattern that matches nothing is refused by torchtitan.
PARAM_GROUPS = [
$groups]
LR_SCHEDULER = $schedule
# (initial std, or None for the constant that follows)
START = {
$start}
STEPS = $steps


def optimizer(implementation="fused"):
    from torchtitan.components.optimizer import OptimizersContainer, ParamGroupConfig

    return OptimizersContainer.Config(
        implementation=implementation,
        param_groups=[
            ParamGroupConfig(pattern=pattern, optimizer_name="$optimizer", optimizer_kwargs=kwargs)
            for pattern, kwargs in PARAM_GROUPS
        ],
    )


def lr_scheduler():
    from torchtitan.components.optimizer.lr_scheduler import LRSchedulersContainer

    return LRSchedulersContainer.Config(**LR_SCHEDULER)


def start_of(std, constant):
    from torch import nn

    if std is None:
        return partial(nn.init.constant_, val=constant)
    return partial(nn.init.normal_, std=std)


def set_param_init(model):
    """Give every layer's config the recommended start; torchtitan's own follows other rules."""
    shared = {"wk": "wkv", "wv": "wkv"}
    for pattern, (std, constant) in START.items():
        if std is None and constant is None:
            continue
        path, attribute = pattern.rsplit(".", 1)
        found = [model]
        for piece in path.split("."):
            if piece == "*":
                found = [one for layers in found for one in layers]
            else:
                found = [_child(one, shared.get(piece, piece)) for one in found]
        for config in found:
            config.param_init = {**(config.param_init or {}), attribute: start_of(std, constant)}


def _child(config, name):
    return config[int(name)] if name.isdecimal() else getattr(config, name)


def use(config):
    """Everything into a Trainer.Config; the model's config is config.model_spec.model."""
    config.optimizer = optimizer()
    config.lr_scheduler = lr_scheduler()
    config.training.steps = STEPS
    config.training.max_norm = 1e30  # clipping would be ruled by the readout's gradient here
    set_param_init(config.model_spec.model)
    return config
''')

EXPORT: Final = Export(
    name=_NAME,
    words="A Python recipe for torchtitan: ParamGroupConfig, schedule, initial tensors",
    media_type=PYTHON,
    render=_render,
    inexpressible=found_by_round_trip(_left_out, _render, read, numbers),
    read=read,
    numbers=numbers,
)
