"""Tell starts that a model computes or reads from those that it draws, by building it again."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from parametrization.nn.classification.starts import values_of
from parametrization.nn.parameter_names import OwnedParameter, owned_parameters


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


def shared_starts(
    base: Mapping[str, OwnedParameter], other: Mapping[str, OwnedParameter]
) -> tuple[str, ...]:
    """Names of matrices whose values at the base width are the first ones of a wider model.

    So are those of a formula of the index, and of a file of which each model takes its part. A
    formula in which the width itself stands, as a cosine transform's, is not seen so.

    Args:
        base: parameters of the base model by name.
        other: of the same model at another width, built with whatever random numbers.

    """
    pairs = {
        name: (one, two)
        for name, owned in base.items()
        if owned.parameter.dim() > 1
        and (one := values_of(owned.parameter)) is not None
        and (two := values_of(other[name].parameter)) is not None
        and one.numel()
    }
    alike = tuple(name for name, (one, two) in pairs.items() if _is_part(one, two))
    return alike if len(alike) < len(pairs) else ()


def _is_part(one: Tensor, two: Tensor) -> bool:
    """True if both begin alike along every dimension, which draws from one seed do not do."""
    common = tuple(slice(min(sizes)) for sizes in zip(one.shape, two.shape, strict=True))
    least = min(one.numel(), two.numel())
    in_one_row = torch.equal(one.flatten()[:least], two.flatten()[:least])
    return not in_one_row and torch.equal(one[common], two[common])
