"""Write a recommendation as a Python recipe for OLMo-core.

Source: OLMo-core fa6c501, `optim/config.py` (every glob must match, a parameter that two overrides
match lands in two groups), `optim/scheduler.py` and `train/trainer.py` (updates count from 1).
"""

from fnmatch import fnmatchcase
from string import Template
from typing import Any, Final

from parametrization.optimizers.built_in.adam import ADAM, ADAMW
from parametrization.recommendation.document import RecommendationDocument
from parametrization.recommendation.values import TensorValues
from tuner.recommendation.exports.frameworks.namings import OLMO_CORE
from tuner.recommendation.exports.frameworks.renaming import not_its_own, renamed
from tuner.recommendation.exports.protocol.export import (
    Export,
    Files,
    Inexpressible,
    Reading,
    TensorReading,
)
from tuner.recommendation.exports.protocol.numbers import row_of_optimizer, without_multipliers
from tuner.recommendation.exports.protocol.plain_forward import lost_in_the_forward_pass
from tuner.recommendation.exports.protocol.python_files import (
    PYTHON,
    comment,
    factor_in,
    factor_source,
    heading_of,
    literals,
)
from tuner.recommendation.exports.protocol.selectors import as_globs, by_pattern
from tuner.recommendation.exports.protocol.ten_steps import found_by_round_trip

FILE: Final = "widthwise_target.py"
_NAME: Final = "OLMo-core"
_OPTIMIZERS: Final = {ADAMW.name: "AdamWConfig", ADAM.name: "AdamWConfig"}
"""Adam is AdamW whose decay is 0."""


def numbers(document: RecommendationDocument) -> tuple[TensorValues, ...]:
    """Multiplier-free, by the names of OLMo-core's models."""
    return renamed(_NAME, without_multipliers(document), OLMO_CORE)


def _render(document: RecommendationDocument) -> Files:
    config = row_of_optimizer(_NAME, _OPTIMIZERS, document)
    rows = by_pattern(numbers(document))
    everyone = [name for row in rows for name in row.names]
    groups = [(as_globs(row, everyone), _options(row)) for row in rows]
    start = [(as_globs(row, everyone), (row.init_std, row.constant)) for row in rows]
    first = rows[0]
    residual = document.residual_multiplier
    branches = {"attention_residual_alpha": residual, "feed_forward_residual_alpha": residual}
    return {
        FILE: _RECIPE.substitute(
            heading=comment(heading_of(document, _left_out(document))),
            groups="".join(f"    {group!r},\n" for group in groups),
            start="".join(f"    {one!r},\n" for one in start),
            block=repr(branches),
            factor=factor_source(document.schedule).rstrip(),
            config=config,
            betas=repr((first.others["beta1"], first.others["beta2"])),
        )
    }


def _options(row: TensorValues) -> dict[str, Any]:
    return {"lr": row.learning_rate, "weight_decay": row.weight_decay, "eps": row.epsilon}


def _left_out(document: RecommendationDocument) -> tuple[Inexpressible, ...]:
    return (
        *lost_in_the_forward_pass(_NAME, document, residual=False),
        *not_its_own(_NAME, numbers(document), OLMO_CORE),
    )


def read(files: Files) -> Reading:
    """The groups that `OptimConfig.build_groups` makes."""
    text = files[FILE]
    found = literals(text)

    def the_one(table: list[tuple[list[str], Any]], name: str) -> Any:  # noqa: ANN401  a row
        rows = [row for globs, row in table if any(fnmatchcase(name, glob) for glob in globs)]
        if len(rows) != 1:
            raise LookupError(f"{len(rows)} overrides match {name}")
        return rows[0]

    def of(name: str) -> TensorReading:
        given, (std, _) = the_one(found["GROUPS"], name), the_one(found["START"], name)
        return TensorReading(given["lr"], given["weight_decay"], given["eps"], std, 1.0)

    return Reading(of, factor_in(text), found["BLOCK"]["attention_residual_alpha"])


_RECIPE: Final = Template('''\
$heading
"""A target for OLMo-core: what its TransformerConfig, train module and trainer take."""
import math
from dataclasses import dataclass
from fnmatch import fnmatch

import torch

from olmo_core.optim import $config, OptimGroupOverride
from olmo_core.optim.scheduler import Scheduler

# Every parameter is in one group; a glob that matches nothing is refused by OLMo-core.
GROUPS = [
$groups]
# (initial std, or None for the constant that follows)
START = [
$start]
# Fields of TransformerBlockConfig.
BLOCK = $block


$factor


@dataclass
class WidthwiseSchedule(Scheduler):
    """Multiplies every group's own rate; warmup_min_lr and decay_min_lr would be absolute."""

    def get_lr(self, initial_lr, current, t_max):
        return initial_lr * factor(max(current, 1) - 1, t_max)  # OLMo-core counts from 1


def optim():
    first = GROUPS[0][1]
    return $config(
        **first,
        betas=$betas,
        group_overrides=[OptimGroupOverride(params=globs, opts=opts) for globs, opts in GROUPS],
    )


def scheduler():
    return WidthwiseSchedule()


def initialise(model):
    """Draw every tensor anew, after OLMo-core's own init_weights."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            for globs, (std, constant) in START:
                if any(fnmatch(name, glob) for glob in globs):
                    if std is not None:
                        parameter.normal_(std=std)
                    elif constant is not None:
                        parameter.fill_(constant)


# Train module: optim=optim(), scheduler=scheduler(), max_grad_norm=None (this form has a readout
# whose gradient grows with width: clipping the global norm does not transfer).
''')

EXPORT: Final = Export(
    name="olmo-core",
    words="A Python recipe for OLMo-core: group overrides, schedule, residual multipliers",
    media_type=PYTHON,
    render=_render,
    inexpressible=found_by_round_trip(_left_out, _render, read, numbers),
    read=read,
    numbers=numbers,
)
