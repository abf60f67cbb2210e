"""Find the layers whose weight is a magnitude times a direction (Salimans & Kingma 2016).

Both of torch's forms: the parametrization and the older hook. If a magnitude starts as the norm of
its direction, the weight starts as the direction was drawn, and a step of the direction is a step
of the weight: the direction follows the weight's rule. The magnitude has a gain's rule if it has
one entry for each result or each input of a layer inside the model.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import _WeightNorm
from torch.nn.utils.parametrize import ParametrizationList
from torch.nn.utils.weight_norm import WeightNorm

from parametrization.nn.classification.declaration import Declaration
from parametrization.nn.parameter_names import OwnedParameter
from parametrization.shapes.roles import Role, as_tuple

_SINGULAR: Final = ("u", "_u", "u0", "weight_u", "sn_u")
"""Names of the buffer of a power iteration."""
FITTING: Final = frozenset({Role.INPUT, Role.HIDDEN, Role.VECTOR, Role.SCALAR, Role.GQA_KV})
"""Roles of a weight that may be normalised: with another one the magnitude's rate would have to
follow width."""


class WeightNormed(NamedTuple):
    """One weight of a layer.

    Attributes:
        path: of the layer, as `named_modules` has it.
        axis: of the weight, that the magnitude has an entry for each index of.

    """

    layer: nn.Module
    path: str
    attribute: str
    magnitude: nn.Parameter
    direction: nn.Parameter
    axis: int

    def norm(self) -> Tensor:
        """Norm of the direction, in the magnitude's shape."""
        return torch.norm_except_dim(self.direction.detach(), 2, self.axis)

    def as_weight(self, owned: OwnedParameter) -> OwnedParameter:
        """The direction under the name of the weight that it stands for."""
        name = f"{self.path}.{self.attribute}" if self.path else self.attribute
        places = tuple(
            place._replace(name=name, attribute=self.attribute, owner=self.layer)
            for place in owned.places
        )
        return owned._replace(name=name, attribute=self.attribute, owner=self.layer, places=places)


def weight_norms(model: nn.Module) -> Iterator[WeightNormed]:
    """Every weight-normed weight of a model."""
    for path, module in model.named_modules():
        held = module._modules.get("parametrizations")
        for attribute, made in held.named_children() if held is not None else ():
            if isinstance(made, ParametrizationList) and isinstance(made[0], _WeightNorm):
                direction, magnitude = made.original1, made.original0
                assert isinstance(direction, nn.Parameter)
                assert isinstance(magnitude, nn.Parameter)
                yield WeightNormed(module, path, attribute, magnitude, direction, made[0].dim)
        for hook in module._forward_pre_hooks.values():
            if isinstance(hook, WeightNorm):
                magnitude, direction = (getattr(module, f"{hook.name}_{part}") for part in "gv")
                yield WeightNormed(module, path, hook.name, magnitude, direction, hook.dim)


def normed_by_id(model: nn.Module) -> Mapping[int, WeightNormed]:
    """Weight-normed weights by the ids of both parameters, magnitude and direction."""
    return {
        id(parameter): one
        for one in weight_norms(model)
        for parameter in (one.magnitude, one.direction)
    }


def is_iterated(owned: OwnedParameter) -> bool:
    """True for a weight whose layer, one of the model's own, holds its largest singular vector.

    By that vector the forward pass divides the weight by its spectral norm.
    """
    owner, weight = owned.owner, owned.parameter
    if owned.attribute != "weight" or type(owner).__module__.startswith("torch."):
        return False
    held = [owner._buffers.get(name) for name in _SINGULAR]
    sizes = {len(weight), weight[0].numel()} if weight.dim() > 1 else set[int]()
    return any(vector is not None and vector.numel() in sizes for vector in held)


def magnitude_of(
    one: WeightNormed, weight: Declaration, infinite: tuple[bool, ...]
) -> Declaration | None:
    """Declaration of the magnitude as a gain; None if it is no gain.

    It starts as the norm of the direction as drawn.

    Args:
        weight: declaration of the direction.
        infinite: True for each dimension of the direction that grows.

    """
    axis = one.axis % one.direction.dim()
    if one.axis < 0 or axis not in (*as_tuple(weight.fan_in_axis), *as_tuple(weight.fan_out_axis)):
        return None
    role = Role.VECTOR if infinite[axis] else Role.SCALAR
    return Declaration(role, None, axis, constant=1.0, initial="draw")


def follow_directions(model: nn.Module, drawn: Collection[int]) -> None:
    """Set each magnitude that was drawn to the norm of its direction, if that was drawn as well.

    Args:
        drawn: ids of the parameters that were.

    Raises:
        ValueError: if they are sharded.

    """
    for one in weight_norms(model):
        if not {id(one.magnitude), id(one.direction)} <= set(drawn):
            continue
        if type(one.direction.data) is not Tensor:
            raise ValueError(
                f"{one.path}.{one.attribute} is weight-normed and sharded: apply before sharding"
            )
        with torch.no_grad():
            one.magnitude.copy_(one.norm())
