"""A model of one width, by the builder that its family's declaration names."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import nn

from parametrization.nn.initialise import set_residual_multipliers
from parametrization.nn.models.layers.parts import Declared
from tuner.engine.orders import ModelSpec
from tuner.spec.families.model_family import ModelFamily
from workers.references import imported


def build_model(spec: ModelSpec, *, width: int | None = None, device: str = "cpu") -> nn.Module:
    """The specified family at `width` (default: the spec's own), on `device`.

    Its tensors hold torch's default initialisation, or nothing on the device `meta`:
    `parametrization.nn.initialise` draws the ones that training starts from. Its residual branches
    have their multiplier.

    Raises:
        ValueError: if the width does not fit the family, or depth one without residual branches.

    """
    width = spec.width if width is None else width
    if problem := spec.family.width_problem(width):
        raise ValueError(problem)
    with _making_on(torch.device(device)):
        model: nn.Module = imported(spec.family.builder)(spec.family, spec.dataset, width)
    set_residual_multipliers(model, spec.branch_multiplier)
    return model


def _making_on(device: torch.device) -> AbstractContextManager[Any]:
    """Tensors that name no device are made on this one.

    torch's own context calls Python for every tensor: nothing is entered where it changes nothing.
    """
    return nullcontext() if device == torch.get_default_device() else device


def declared(family: ModelFamily) -> Declared:
    """Roles that the module types and shapes of this family's models cannot tell."""
    roles: Declared = imported(family.roles)(family)
    return roles


def declared_blocks(family: ModelFamily) -> tuple[str, ...]:
    """Patterns of tensors in residual blocks, beside those that this family's modules tell."""
    blocks: tuple[str, ...] = imported(family.blocks)(family) if family.blocks else ()
    return blocks


def fixed_starts(family: ModelFamily) -> tuple[str, ...]:
    """Names of tensors whose start this family's models compute or read instead of drawing it."""
    names: tuple[str, ...] = imported(family.fixed_starts)(family) if family.fixed_starts else ()
    return names
