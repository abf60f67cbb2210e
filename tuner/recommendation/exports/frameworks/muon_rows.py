"""Muon's matrices and AdamW's other tensors, with rates in another implementation's convention.

Implementations multiply a matrix's step by different factors of its sides. A rate times the
study's factor over theirs makes the same step; decay acts on the bare rate, and is divided by it.
"""

import math
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple, TypeAlias

from parametrization.optimizers.built_in.adam import ADAMW
from parametrization.optimizers.built_in.muon import (
    MUON_MATCH_RMS_ADAMW,
    MUON_ORIGINAL,
    MUON_SPECTRAL,
    root_of_longer_side,
    spectral_factor_of_at_least_one,
)
from parametrization.recommendation.document import RecommendationDocument
from parametrization.recommendation.values import TensorValues
from parametrization.rules.width.matrix_norms import spectral_factor
from parametrization.shapes.roles import Layout
from tuner.recommendation.exports.protocol.export import Refused
from tuner.recommendation.exports.protocol.numbers import LIBRARY
from tuner.recommendation.exports.protocol.selectors import by_pattern

StepFactor: TypeAlias = Callable[[int, int], float]
"""On the orthogonalised step, from (rows, columns)."""
STEP_FACTORS: Final[dict[str, StepFactor]] = {
    MUON_SPECTRAL.name: spectral_factor,
    MUON_ORIGINAL.name: spectral_factor_of_at_least_one,
    MUON_MATCH_RMS_ADAMW.name: lambda rows, columns: 0.2 * root_of_longer_side(rows, columns),
}
"""Of every Muon that a study can name."""


class MuonRow(NamedTuple):
    """One matrix.

    Attributes:
        ratio: the study's factor on the step over the implementation's.
        parts: rows of the matrices that the study steps by themselves; empty where it is one.

    """

    row: TensorValues
    ratio: float
    parts: tuple[int, ...]

    @property
    def rate(self) -> float:
        """The rate in the implementation's convention."""
        return self.row.learning_rate * self.ratio

    @property
    def decay(self) -> float:
        """The decay by the bare rate."""
        return self.row.weight_decay / self.ratio


def two_optimizers(
    framework: str, document: RecommendationDocument, factor: StepFactor, *, by_part: bool = False
) -> tuple[tuple[MuonRow, ...], tuple[TensorValues, ...]]:
    """Matrices of Muon, and tensors that AdamW trains beside them.

    Args:
        factor: the implementation's own.
        by_part: True if the implementation, too, steps the parts of a matrix by themselves.

    Raises:
        Refused: if something else trains a tensor, or a tensor of Muon's is no matrix.

    """
    muon = {row.optimizer for row in document.tensors} - {ADAMW.name}
    if len(muon) != 1 or not muon <= STEP_FACTORS.keys():
        raise Refused(
            f"{framework} trains matrices with Muon and the rest with AdamW, and this study's"
            f" optimizer is {document.optimizer}: this form exists for {', '.join(STEP_FACTORS)}."
            f" {LIBRARY}"
        )
    layouts = {tensor.name: tensor.layout for tensor in document.base_shapes.tensors}
    rows = by_pattern(document.tensors)
    return (
        tuple(
            _matrix(framework, row, layouts[row.names[0]], factor, by_part)
            for row in rows
            if row.optimizer in muon
        ),
        tuple(row for row in rows if row.optimizer == ADAMW.name),
    )


def split_matrices(
    document: RecommendationDocument,
) -> Iterator[tuple[TensorValues, tuple[int, ...]]]:
    """Tensors that the study steps as several matrices, with the rows of each."""
    layouts = {tensor.name: tensor.layout for tensor in document.base_shapes.tensors}
    for row in document.tensors:
        parts = _parts(row, layouts[row.names[0]])
        if parts and row.optimizer in STEP_FACTORS:
            yield row, parts


def _matrix(
    framework: str, row: TensorValues, layout: Layout, factor: StepFactor, by_part: bool
) -> MuonRow:
    if len(row.shape) != 2 or layout.stacked:
        raise Refused(
            f"{framework} takes matrices, and {row.pattern} is {row.shape}: use the format torch"
        )
    parts = _parts(row, layout)
    sides = ((parts or row.shape)[0], row.shape[1])
    theirs = factor(*(sides if by_part else row.shape))
    return MuonRow(row, STEP_FACTORS[row.optimizer](*sides) / theirs, parts)


def _parts(row: TensorValues, layout: Layout) -> tuple[int, ...]:
    whole = sum(layout.parts)
    return tuple(math.prod(row.shape[:1]) * share // whole for share in layout.parts)
