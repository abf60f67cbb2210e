"""Tell starts that a model computes or reads from those that it draws, by building it twice."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from parametrization.nn.classification.starts import values_of
from parametrization.nn.parameter_names import owned_parameters


class Built(NamedTuple):
    """A model, and the state in which building it left torch's random generator."""

    model: nn.Module
    state: Tensor


def fixed_starts(one: Built, other: Built) -> tuple[str, ...]:
    """Names of matrices that start at the same values whatever random numbers are drawn.

    None where all have: then the model is one that was stored, or draws with a generator of its
    own, and nothing is known.

    Args:
        one: at the base width.
        other: the same, built with other random numbers.

    """
    if torch.equal(one.state, other.state):  # it seeds the generator by itself, or draws nothing
        return ()
    matrices = {
        owned.name: values
        for owned in owned_parameters(one.model)
        if owned.parameter.dim() > 1 and (values := values_of(owned.parameter)) is not None
    }
    there = {owned.name: owned.parameter for owned in owned_parameters(other.model)}
    alike = tuple(
        name
        for name, values in matrices.items()
        if name in there and torch.equal(values, there[name])
    )
    return alike if len(alike) < len(matrices) else ()
