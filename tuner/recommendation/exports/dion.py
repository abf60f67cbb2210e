"""Write a recommendation as groups for the package dion: its Muon, with AdamW beside it.

Source: dion 0a059a4, `muon.py` and `megabatch_base.py`: `spectral_norm` multiplies a rate by
sqrt(rows / columns), `split_sizes` steps the parts of a matrix by themselves, decay is by the bare
rate, and a group's `algorithm` says what trains it.
"""

from string import Template
from typing import Any, Final

from parametrization.recommendation.document import RecommendationDocument
from parametrization.recommendation.values import TensorValues
from parametrization.rules.width.matrix_norms import spectral_factor
from tuner.recommendation.exports.frameworks.muon_rows import MuonRow, two_optimizers
from tuner.recommendation.exports.protocol.export import (
    Export,
    Files,
    Inexpressible,
    Reading,
    TensorReading,
)
from tuner.recommendation.exports.protocol.python_files import (
    PYTHON,
    comment,
    factor_in,
    factor_source,
    heading_of,
    literals,
)
from tuner.recommendation.exports.protocol.selectors import as_regex
from tuner.recommendation.exports.protocol.tables import first_match
from tuner.recommendation.exports.protocol.ten_steps import found_by_round_trip

FILE: Final = "dion_groups.py"
_NAME: Final = "dion"


def _render(document: RecommendationDocument) -> Files:
    matrices, others = two_optimizers(_NAME, document, spectral_factor, by_part=True)
    groups = [
        *((one.row.pattern, _of_muon(one)) for one in matrices),
        *((row.pattern, _of_adamw(row)) for row in others),
    ]
    start = {
        row.pattern: (row.init_std, row.constant)
        for row in (*(one.row for one in matrices), *others)
    }
    ratios = {one.row.pattern: one.ratio for one in matrices}
    return {
        FILE: _SCRIPT.substitute(
            heading=comment(heading_of(document, _left_out(document))),
            groups="".join(f"    {pattern!r}: {group!r},\n" for pattern, group in groups),
            start="".join(f"    {pattern!r}: {at!r},\n" for pattern, at in start.items()),
            ratios=repr(ratios),
            factor=factor_source(document.schedule).rstrip(),
        )
    }


def _of_muon(one: MuonRow) -> dict[str, Any]:
    split = {"split_sizes": list(one.parts)} if one.parts else {}
    return {
        "algorithm": "muon",
        "lr": one.rate,
        "weight_decay": one.decay,
        "mu": one.row.others["momentum"],
        "epsilon": one.row.epsilon,
        **split,
    }


def _of_adamw(row: TensorValues) -> dict[str, Any]:
    return {
        "algorithm": "adamw",
        "lr": row.learning_rate,
        "weight_decay": row.weight_decay,
        "beta1": row.others["beta1"],
        "beta2": row.others["beta2"],
        "epsilon": row.epsilon,
    }


def _left_out(document: RecommendationDocument) -> tuple[Inexpressible, ...]:
    rows = document.tensors
    if all(row.multiplier == 1 for row in rows) and document.residual_multiplier == 1:
        return ()
    words = "groups say nothing of the forward pass: take set_multipliers of the format torch"
    return (Inexpressible("multipliers", words),)


def _read(files: Files) -> Reading:
    text = files[FILE]
    found = literals(text)
    groups = [(as_regex(pattern), (pattern, row)) for pattern, row in found["GROUPS"].items()]

    def of(name: str) -> TensorReading:
        pattern, row = first_match(groups, name)
        ratio = found["RATIOS"].get(pattern, 1.0)  # in the study's convention
        std, _ = found["START"][pattern]
        return TensorReading(row["lr"] / ratio, row["weight_decay"] * ratio, row["epsilon"], std)

    return Reading(of, factor_in(text))


_SCRIPT: Final = Template('''\
$heading
"""Groups for dion.Muon(groups(model), distributed_mesh=..., nesterov=True)."""
import math
import re

import torch

GROUPS = {
$groups}
# (initial std, or None for the constant that follows)
START = {
$start}
# dion's rate over the study's, where their factors on the step differ.
RATIOS = $ratios


$factor


def pattern_of(name):
    for pattern in GROUPS:
        if re.fullmatch(re.escape(pattern).replace(r"\\*", r"\\d+"), name):
            return pattern
    raise ValueError(f"another model: no group for {name}")


def groups(model):
    found = {}
    for name, parameter in model.named_parameters():
        pattern = pattern_of(name)
        group = found.setdefault(pattern, {"params": [], **GROUPS[pattern]})
        group["params"].append(parameter)
    return list(found.values())


def initialise(model, seed=0):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            std, constant = START[pattern_of(name)]
            if std is not None:
                parameter.copy_(torch.empty(parameter.shape).normal_(std=std, generator=generator))
            elif constant is not None:
                parameter.fill_(constant)


def schedule(optimizer):
    return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
''')

EXPORT: Final = Export(
    name="dion",
    words="Groups for dion's Muon, with AdamW beside it and split matrices",
    media_type=PYTHON,
    render=_render,
    inexpressible=found_by_round_trip(_left_out, _render, _read),
    read=_read,
)
