"""Write a recommendation for the package `mup`: base shapes and its optimizers' groups.

`MuAdam`, `MuAdamW` and `MuSGD` scale the groups that they are given, so that these hold each
tensor's number before that. Source: mup 1.0.0 from PyPI, `optim.py`, `layer.py`, `infshape.py`.
"""

from collections.abc import Callable
from string import Template
from typing import Final, NamedTuple

import yaml

from parametrization.optimizers.built_in.adam import ADAM, ADAMW
from parametrization.optimizers.built_in.sgd import SGD
from parametrization.recommendation.document import RecommendationDocument
from parametrization.recommendation.values import TensorValues
from parametrization.shapes.roles import Role, TensorShape
from tuner.recommendation.exports.protocol.export import (
    Export,
    Files,
    Inexpressible,
    Reading,
    TensorReading,
)
from tuner.recommendation.exports.protocol.numbers import row_of_optimizer
from tuner.recommendation.exports.protocol.python_files import (
    PYTHON,
    comment,
    factor_in,
    factor_source,
    heading_of,
    literals,
)
from tuner.recommendation.exports.protocol.selectors import as_regex, by_pattern
from tuner.recommendation.exports.protocol.tables import first_match
from tuner.recommendation.exports.protocol.ten_steps import found_by_round_trip

FILE: Final = "train_with_mup.py"
SHAPES: Final = "base_shapes.bsh"
_READ_OUT: Final = (Role.OUTPUT, Role.MOE_ROUTER)
_NAME: Final = "mup"
Dimensions = list[int | None]


class _Optimizer(NamedTuple):
    """An optimizer of mup's, and what it multiplies a group's rate by."""

    build: str
    rate: Callable[[Dimensions, tuple[int, ...]], float]


def _by_adam(base: Dimensions, shape: tuple[int, ...]) -> float:
    wide = _growths(base, shape)
    return 1 / wide[-1] if len(wide) == 2 else 1.0


def _by_sgd(base: Dimensions, shape: tuple[int, ...]) -> float:
    wide = _growths(base, shape)
    if len(wide) == 1:
        return wide[0]
    return wide[0] / wide[1] if len(wide) == 2 else 1.0  # fan-out over fan-in


def _growths(base: Dimensions, shape: tuple[int, ...]) -> list[float]:
    pairs = zip(base, shape, strict=True)
    return [size / at_base for at_base, size in pairs if at_base is not None]


_OPTIMIZERS: Final = {
    ADAM.name: _Optimizer("MuAdam({groups}, betas=({beta1!r}, {beta2!r}))", _by_adam),
    ADAMW.name: _Optimizer("MuAdamW({groups}, betas=({beta1!r}, {beta2!r}))", _by_adam),
    SGD.name: _Optimizer("MuSGD({groups}, momentum={momentum!r})", _by_sgd),
}


def _render(document: RecommendationDocument) -> Files:
    optimizer = row_of_optimizer(_NAME, _OPTIMIZERS, document)
    base = {tensor.name: _dimensions(tensor) for tensor in document.base_shapes.tensors}
    rows = by_pattern(document.tensors)
    tied = {tensor.name for tensor in document.base_shapes.tensors if tensor.tied}
    entries = {
        row.pattern: _entry(
            row,
            base[row.names[0]],
            optimizer,
            is_readout=row.role in _READ_OUT or row.names[0] in tied,
        )
        for row in rows
    }
    table = "".join(f"    {pattern!r}: {entry!r},\n" for pattern, entry in entries.items())
    built = optimizer.build.format(groups="list(groups.values())", **rows[0].others)
    name = optimizer.build.partition("(")[0]
    return {
        FILE: _SCRIPT.substitute(
            heading=comment([*heading_of(document, _left_out(document))]),
            optimizer=name,
            table=table,
            factor=factor_source(document.schedule).rstrip(),
            build=built,
            epsilon=', "eps": eps' if rows[0].epsilon is not None else "",
        ),
        SHAPES: yaml.safe_dump(base, sort_keys=False),
    }


def _dimensions(tensor: TensorShape) -> Dimensions:
    pairs = zip(tensor.base_shape, tensor.infinite, strict=True)
    return [size if wide else None for size, wide in pairs]


def _entry(
    row: TensorValues, base: Dimensions, optimizer: _Optimizer, *, is_readout: bool
) -> tuple[object, ...]:
    """Rate and decay before mup scales them, and the factor of a MuReadout besides 1/m."""
    by_mup = optimizer.rate(base, row.shape)
    wide = _growths(base, row.shape)
    output = row.multiplier * wide[-1] if is_readout else None
    start = (row.init_std, row.constant, output)
    training = (row.learning_rate / by_mup, row.weight_decay * by_mup, row.epsilon)
    return (*start, *training, row.shape)


def _left_out(document: RecommendationDocument) -> tuple[Inexpressible, ...]:
    if document.residual_multiplier == 1:
        return ()
    words = (
        "mup knows no depth: have every residual branch compute"
        f" x + {document.residual_multiplier:g} * f(x)"
    )
    return (Inexpressible("residual multiplier", words),)


def _read(files: Files) -> Reading:
    text = files[FILE]
    found, base = literals(text), yaml.safe_load(files[SHAPES])
    table = [(as_regex(pattern), row) for pattern, row in found["TENSORS"].items()]
    by_mup = next(row.rate for row in _OPTIMIZERS.values() if f"import {row.build[:5]}" in text)

    def of(name: str) -> TensorReading:
        std, _, output, rate, decay, epsilon, shape = first_match(table, name)
        factor = by_mup(base[name], tuple(shape))
        wide = _growths(base[name], tuple(shape))
        multiplier = 1.0 if output is None else output / wide[-1]
        return TensorReading(rate * factor, decay / factor, epsilon, std, multiplier)

    return Reading(of, factor_in(text))


_SCRIPT: Final = Template('''\
$heading
"""Give the readout mup.MuReadout (tied: mup.MuSharedReadout), then call `prepare(model)`."""
import math
import re

import torch
from mup import $optimizer, MuReadout, set_base_shapes

# Rates and decays are those before mup multiplies them by width.
# pattern: (initial std, or None for the constant that follows; output_mult of a readout;
#           learning rate, weight decay, epsilon; shape at the target)
TENSORS = {
$table}


$factor


def row_of(name):
    for pattern, row in TENSORS.items():
        if re.fullmatch(re.escape(pattern).replace(r"\\*", r"\\d+"), name):
            return row
    raise ValueError(f"another model: no row for {name}")


def prepare(model, base_shapes="base_shapes.bsh", seed=0):
    """Initial tensors, optimizer and schedule."""
    # rescale_params would multiply a tied table and every bias by the root of the width.
    set_base_shapes(model, base_shapes, rescale_params=False, do_assert=False)
    generator = torch.Generator().manual_seed(seed)
    groups = {}
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            std, constant, output, lr, weight_decay, eps, shape = row_of(name)
            if tuple(parameter.shape) != shape:
                raise ValueError(f"{name} is {tuple(parameter.shape)} and should be {shape}")
            if std is not None:
                parameter.copy_(torch.empty(shape).normal_(std=std, generator=generator))
            elif constant is not None:
                parameter.fill_(constant)
            numbers = {"lr": lr, "weight_decay": weight_decay$epsilon}
            group = groups.setdefault(tuple(numbers.values()), {"params": [], **numbers})
            group["params"].append(parameter)
            if output is not None:
                for module in model.modules():
                    if isinstance(module, MuReadout) and module.weight is parameter:
                        module.output_mult = output
    optimizer = $build
    return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
''')

EXPORT: Final = Export(
    name=_NAME,
    words="For the package mup: base shapes, and groups for MuAdam, MuAdamW or MuSGD",
    media_type=PYTHON,
    render=_render,
    inexpressible=found_by_round_trip(_left_out, _render, _read),
    read=_read,
)
