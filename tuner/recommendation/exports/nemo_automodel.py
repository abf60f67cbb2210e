"""Write a recommendation as the YAML of NeMo Automodel.

Source: NeMo Automodel 36044ad, `components/optim/optimizer.py` (`param_group_overrides`: the first
pattern that `re.search` finds) and `components/optim/scheduler.py`.
"""

from collections.abc import Mapping
from typing import Any, Final

import yaml

from parametrization.optimizers.built_in.adam import ADAM, ADAMW
from parametrization.recommendation.document import RecommendationDocument
from parametrization.recommendation.values import ScheduleValues, TensorValues
from tuner.recommendation.exports.frameworks.megatron_flags import SCHEDULES, left_of_peak
from tuner.recommendation.exports.frameworks.namings import LLAMA
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
    the_only,
    warmup_updates,
    without_multipliers,
)
from tuner.recommendation.exports.protocol.plain_forward import lost_in_the_forward_pass
from tuner.recommendation.exports.protocol.python_files import comment, heading_of
from tuner.recommendation.exports.protocol.selectors import as_regex, by_pattern
from tuner.recommendation.exports.protocol.tables import first_match
from tuner.recommendation.exports.protocol.ten_steps import found_by_round_trip

FILE: Final = "widthwise_target.yaml"
_NAME: Final = "NeMo Automodel"
_OPTIMIZERS: Final = {ADAM.name: "torch.optim.Adam", ADAMW.name: "torch.optim.AdamW"}
_SCHEDULES: Final[Mapping[str, Mapping[str, Any]]] = {
    shape: {flag.replace("-", "_"): style for flag, style in flags.items()}
    for shape, flags in SCHEDULES.items()
}
"""Its scheduler is Megatron's, with other names of its fields."""


def numbers(document: RecommendationDocument) -> tuple[TensorValues, ...]:
    """Multiplier-free, by the names of transformers' models, which Automodel trains."""
    return renamed(_NAME, without_multipliers(document), LLAMA)


def _render(document: RecommendationDocument) -> Files:
    target = row_of_optimizer(_NAME, _OPTIMIZERS, document)
    rows = by_pattern(numbers(document))
    first, decay = rows[0], max(row.weight_decay for row in rows)
    overrides = [
        {
            "pattern": as_regex(row.pattern),
            "lr_mult": row.learning_rate / first.learning_rate,
            "wd_mult": row.weight_decay / decay if decay else 1.0,
        }
        for row in rows
    ]
    config = {
        "optimizer": {
            "_target_": target,
            "lr": first.learning_rate,
            "weight_decay": decay,
            "betas": [first.others["beta1"], first.others["beta2"]],
            "eps": _epsilon(rows),
            "param_group_overrides": overrides,
        },
        "lr_scheduler": _scheduler(document.schedule, first.learning_rate),
        "step_scheduler": {"max_steps": document.schedule.steps},
        "max_grad_norm": None,
    }
    heading = comment(heading_of(document, _left_out(document)))
    return {FILE: f"{heading}\n{yaml.safe_dump(config, sort_keys=False, width=96)}"}


def _epsilon(rows: tuple[TensorValues, ...]) -> float:
    """The smallest: one number serves all tensors, and too large an epsilon slows updates down."""
    return min(row.epsilon for row in rows if row.epsilon is not None)


def _scheduler(schedule: ScheduleValues, rate: float) -> dict[str, Any]:
    """The schedule: its first update reads step 0, so it starts at the first step's rate."""
    style, warmup = row_of_schedule(_NAME, _SCHEDULES, schedule), warmup_updates(schedule)
    decay = {"wsd_decay_steps": decay_updates(schedule)} if "lr_wsd_decay_style" in style else {}
    return {
        **style,
        **decay,
        "lr_warmup_steps": max(0, warmup - 1),
        "lr_decay_steps": schedule.steps,
        "init_lr": rate / warmup if warmup else rate,
        "min_lr": rate * schedule.final_fraction,
    }


def _left_out(document: RecommendationDocument) -> tuple[Inexpressible, ...]:
    rows = numbers(document)
    found = [
        *lost_in_the_forward_pass(_NAME, document),
        *not_its_own(_NAME, rows, LLAMA),
        Inexpressible(
            "initial tensors",
            "Automodel has no field for them: draw them by the format torch-multiplier-free before"
            " training",
        ),
    ]
    if the_only(rows, lambda row: row.epsilon) is None:
        words = f"one epsilon for all tensors: {_epsilon(rows):g}, the smallest recommended"
        found.append(Inexpressible("epsilon of each tensor", words))
    return tuple(found)


def read(files: Files) -> Reading:
    """The groups as the optimizer's config and `OptimizerParamScheduler` set them."""
    found = yaml.safe_load(files[FILE])
    optimizer = found["optimizer"]
    overrides = [(one["pattern"], one) for one in optimizer["param_group_overrides"]]

    def of(name: str) -> TensorReading:
        given = first_match(overrides, name)
        return TensorReading(
            optimizer["lr"] * given["lr_mult"],
            optimizer["weight_decay"] * given["wd_mult"],
            optimizer["eps"],
            multiplier=1.0,
        )

    return Reading(of, _factor(found["lr_scheduler"], optimizer["lr"]))


def _factor(given: Mapping[str, Any], rate: float) -> Factor:
    warmup, total = given["lr_warmup_steps"], given["lr_decay_steps"]
    start, floor, style = given["init_lr"], given["min_lr"] / rate, given["lr_decay_style"]

    def factor(step: int) -> float:
        if warmup and step <= warmup:
            return float((start + (rate - start) * step / warmup) / rate)
        if style == "constant":
            return 1.0
        progress = (step - warmup) / (total - warmup)
        if style == "WSD":
            decay = given["wsd_decay_steps"]
            progress = max(0, step - (total - decay)) / decay
        return float(floor + (1 - floor) * left_of_peak(given, progress, "_"))

    return factor


EXPORT: Final = Export(
    name="nemo-automodel",
    words="YAML for NeMo Automodel: multipliers of rate and decay by pattern, schedule",
    media_type="application/yaml",
    render=_render,
    inexpressible=found_by_round_trip(_left_out, _render, read, numbers),
    read=read,
    numbers=numbers,
)
