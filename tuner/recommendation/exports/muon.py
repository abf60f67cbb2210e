"""Write a recommendation as groups for Muon: torch.optim.Muon, and Keller Jordan's package.

Both multiply a matrix's rate by sqrt(max(1, rows / columns)) and decay with the bare rate; where
the study's Muon has another factor, the groups' rates and decays make up for it. Source: torch
2.13 `optim/_muon.py`; Muon 857d1ad `muon.py` (the keys of a group are asserted).
"""

from string import Template
from typing import Final

from parametrization.optimizers.built_in.muon import spectral_factor_of_at_least_one
from parametrization.recommendation.document import RecommendationDocument
from parametrization.recommendation.values import TensorValues
from tuner.recommendation.exports.frameworks.muon_rows import (
    MuonRow,
    split_matrices,
    two_optimizers,
)
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

FILE: Final = "muon_groups.py"
_NAME: Final = "torch.optim.Muon"


def _render(document: RecommendationDocument) -> Files:
    matrices, others = two_optimizers(_NAME, document, spectral_factor_of_at_least_one)
    first = others[0].others
    return {
        FILE: _SCRIPT.substitute(
            heading=comment(heading_of(document, _left_out(document))),
            muon="".join(f"    {one.row.pattern!r}: {_of_muon(one)!r},\n" for one in matrices),
            adamw="".join(f"    {row.pattern!r}: {_of_adamw(row)!r},\n" for row in others),
            betas=repr((first["beta1"], first["beta2"])),
            factor=factor_source(document.schedule).rstrip(),
        )
    }


def _of_muon(one: MuonRow) -> tuple[object, ...]:
    row = one.row
    training = (one.rate, one.decay, row.others["momentum"], row.epsilon)
    return (row.init_std, row.constant, row.multiplier, *training, one.ratio)


def _of_adamw(row: TensorValues) -> tuple[object, ...]:
    training = (row.learning_rate, row.weight_decay, row.epsilon)
    return (row.init_std, row.constant, row.multiplier, *training)


def _left_out(document: RecommendationDocument) -> tuple[Inexpressible, ...]:
    found = [
        Inexpressible(
            f"parts of {row.pattern}",
            f"the study steps its {len(parts)} parts as matrices of their own, and this optimizer"
            " the whole: split the tensor into one Linear a part, or use the format dion or torch",
        )
        for row, parts in split_matrices(document)
    ]
    rows = document.tensors
    if any(row.multiplier != 1 for row in rows) or document.residual_multiplier != 1:
        words = "groups say nothing of the forward pass: take set_multipliers of the format torch"
        found.append(Inexpressible("multipliers", words))
    return tuple(found)


def _read(files: Files) -> Reading:
    text = files[FILE]
    found = literals(text)
    tables = [
        [(as_regex(pattern), row) for pattern, row in found[name].items()]
        for name in ("MUON", "ADAMW")
    ]

    def of(name: str) -> TensorReading:
        try:
            std, _, multiplier, rate, decay, _, epsilon, ratio = first_match(tables[0], name)
        except LookupError:
            std, _, multiplier, rate, decay, epsilon = first_match(tables[1], name)
            return TensorReading(rate, decay, epsilon, std, multiplier)
        return TensorReading(rate / ratio, decay * ratio, epsilon, std, multiplier)

    return Reading(of, factor_in(text))


_SCRIPT: Final = Template('''\
$heading
"""Groups for torch.optim.Muon and AdamW, or for MuonWithAuxAdam of Keller Jordan's package."""
import math
import re

import torch

# pattern: (initial std, or None for the constant that follows; multiplier of the layer's input;
#           learning rate, weight decay, momentum, epsilon; the study's rate is this one over ...)
MUON = {
$muon}
# pattern: (initial std, or None for the constant that follows; multiplier of the layer's input;
#           learning rate, weight decay, epsilon)
ADAMW = {
$adamw}
BETAS = $betas


$factor


def row_of(table, name):
    for pattern, row in table.items():
        if re.fullmatch(re.escape(pattern).replace(r"\\*", r"\\d+"), name):
            return row
    return None


def groups_of(model):
    """Groups of Muon, and groups of AdamW."""
    muon, adamw = {}, {}
    for name, parameter in model.named_parameters():
        if (row := row_of(MUON, name)) is not None:
            numbers = dict(zip(("lr", "weight_decay", "momentum", "eps"), row[3:7]))
            found = muon
        elif (row := row_of(ADAMW, name)) is not None:
            numbers = dict(zip(("lr", "weight_decay", "eps"), row[3:])) | {"betas": BETAS}
            found = adamw
        else:
            raise ValueError(f"another model: no row for {name}")
        found.setdefault(tuple(numbers.values()), {"params": [], **numbers})["params"].append(
            parameter
        )
    return list(muon.values()), list(adamw.values())


def torch_optimizers(model):
    """Both, and a schedule for each: step all four."""
    muon, adamw = groups_of(model)
    lead = torch.optim.Muon(muon, nesterov=True, adjust_lr_fn="original")
    both = [lead, torch.optim.AdamW(adamw)]
    return both, [torch.optim.lr_scheduler.LambdaLR(one, factor) for one in both]


def muon_with_aux_adam_groups(model):
    """For muon.MuonWithAuxAdam, which asserts these keys and has an epsilon of 1e-7 of its own."""
    muon, adamw = groups_of(model)
    keys = ("params", "lr", "weight_decay", "momentum")
    return [
        *({key: group[key] for key in keys} | {"use_muon": True} for group in muon),
        *({**group, "use_muon": False} for group in adamw),
    ]
''')

EXPORT: Final = Export(
    name="muon",
    words="Groups for torch.optim.Muon and AdamW, and for Keller Jordan's MuonWithAuxAdam",
    media_type=PYTHON,
    render=_render,
    inexpressible=found_by_round_trip(_left_out, _render, _read),
    read=_read,
)
