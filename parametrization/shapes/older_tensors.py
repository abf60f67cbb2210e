"""Completes tensors of older documents with the fields that those lacked."""

from collections.abc import Mapping
from typing import Any

_MATRIX = 2


def completed_tensor(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document of a tensor with the fields that it lacks.

    Missing fields follow from the axes: rows of a matrix with fan-in axis 0 were looked
    up, and dimensions before both axes held one matrix per index.
    """
    ends = (document["fan_in_axis"], document["fan_out_axis"])
    if "is_table" in document:
        return dict(document)
    is_matrix = len(document["base_shape"]) == _MATRIX
    leading = range(min(ends)) if None not in ends else range(0)
    return {
        **document,
        "is_table": ends[0] == 0 and is_matrix,
        "stacked_axes": list(leading),
    }
