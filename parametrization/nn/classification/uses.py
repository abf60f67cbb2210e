"""Find the role of a parameter from everything that uses it: several layers, where it is tied."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from torch import nn

from parametrization.nn.classification.declaration import Declaration
from parametrization.nn.classification.own_layers import (
    fixed_inside,
    is_readout,
    is_router,
    is_selection,
    own_layer,
    own_row,
)
from parametrization.nn.classification.rows import (
    AFFINE,
    CONVS,
    LOOKUPS,
    TRANSPOSED,
    row_of,
    row_of_layer,
)
from parametrization.nn.classification.unclassified import undeclarable
from parametrization.nn.classification.weight_norms import (
    FITTING,
    WeightNormed,
    is_iterated,
    magnitude_of,
)
from parametrization.nn.layers import is_mup_readout
from parametrization.nn.parameter_names import OwnedParameter
from parametrization.shapes.like_tensors import fits
from parametrization.shapes.roles import Role

_MATRIX = 2
_READ_OUT = (
    "{name} is declared output and is a table of {kind}, which has no forward multiplier: leave it"
    " undeclared, and read it by a parametrization.nn.layers.TiedReadout of that layer"
)


class Use(NamedTuple):
    """Role and axes of a parameter, and their source.

    Attributes:
        is_declared: True if the caller declared them, False if a row of a table did.
        is_tied: True for a lookup table that an output layer reads as well.

    """

    said: Declaration
    is_declared: bool
    is_tied: bool


def use_of(
    owned: OwnedParameter,
    infinite: tuple[bool, ...],
    declared: Mapping[str, Role | Declaration],
    *,
    is_last: bool,
) -> Use | None:
    """The declared use, else that of the tables; None if neither has the parameter.

    Raises:
        ValueError: if its uses have several roles, other than a table and the readout tied to it,
            or if a role was declared where axes are needed.

    """
    uses = [_as_used(owned, place.name, place.attribute, place.owner) for place in owned.places]
    primary = next(use for use in uses if use.owner is owned.owner)
    said = {use.name: _declared(use, declared) for use in uses}
    found = {use.name: said[use.name] or _found(use, infinite, is_last=is_last) for use in uses}
    readers = [use for use in uses if not isinstance(use.owner, LOOKUPS)]
    table = found[primary.name]
    fixed = all(one is not None and one.role is Role.SCALAR for one in found.values())
    if isinstance(owned.owner, LOOKUPS) and table is not None and readers and not fixed:
        if all(_reads_out(use, found[use.name]) for use in readers):
            return Use(table, said[primary.name] is not None, is_tied=True)
        raise ValueError(_two_roles(readers[0].name, primary.name))
    by_role = {one.role: name for name, one in found.items() if one is not None}
    if len(by_role) > 1:
        first, second = list(by_role.values())[:2]
        raise ValueError(_two_roles(second, first))
    known = found[primary.name] or next((one for one in found.values() if one), None)
    if known is None:
        return None
    return Use(known, any(said.values()), is_tied=False)


def is_declared(owned: OwnedParameter, declared: Mapping[str, Role | Declaration]) -> bool:
    """True if a pattern of the caller's fits the parameter."""
    return any(fits(p.name, pattern) for p in owned.places for pattern in declared)


def normed_use(
    owned: OwnedParameter, normed: WeightNormed, infinite: tuple[bool, ...]
) -> tuple[OwnedParameter, Use | None]:
    """Use of a weight's direction, which follows the weight's rule, or of its magnitude.

    Args:
        infinite: of the direction.

    """
    weight = normed.as_weight(owned)
    found = _found(weight, infinite, is_last=False)
    if found is None or found.role not in FITTING:
        return owned, None
    if owned.parameter is normed.direction:
        return weight, Use(found, False, is_tied=False)
    said = magnitude_of(normed, found, infinite)
    return owned, None if said is None else Use(said, False, is_tied=False)


def weights_in_order(owned: Iterable[OwnedParameter]) -> list[str]:
    """Names of weights with two dimensions or more, in the order of modules."""
    places = [
        (place.order, place.name)
        for one in owned
        for place in one.places
        if one.parameter.dim() >= _MATRIX
    ]
    return [name for _, name in sorted(places)]


def _as_used(owned: OwnedParameter, name: str, attribute: str, owner: nn.Module) -> OwnedParameter:
    return owned._replace(name=name, attribute=attribute, owner=owner)


def _declared(
    use: OwnedParameter, declared: Mapping[str, Role | Declaration]
) -> Declaration | None:
    """The caller's declaration, with the axes of known layers filled in; None if there is none."""
    fitting = [one for pattern, one in declared.items() if fits(use.name, pattern)]
    if not fitting:
        return None
    said: Role | Declaration = fitting[0]
    role = said if isinstance(said, Role) else said.role
    if role is Role.OUTPUT and isinstance(use.owner, LOOKUPS):
        raise ValueError(_READ_OUT.format(name=use.name, kind=type(use.owner).__name__))
    if not isinstance(said, Role):
        return said
    if row := row_of_layer(use):
        return row.declaration(said)
    if own := own_layer(use):
        return own._replace(role=said)
    if is_mup_readout(use.owner) and use.attribute == "weight":
        return Declaration(said, 1, 0)
    raise ValueError(undeclarable(use))


def _found(use: OwnedParameter, infinite: tuple[bool, ...], *, is_last: bool) -> Declaration | None:
    if is_iterated(use):
        return None
    row = row_of(use, infinite)
    if row is not None:
        return None if row.role is None else row.declaration(row.role)
    if use.attribute == "weight" and isinstance(use.owner, AFFINE):
        fan_in, fan_out = (0, 1) if isinstance(use.owner, TRANSPOSED) else (1, 0)
        ends = (infinite[fan_out], infinite[fan_in], *infinite[2:])
        role = _from_wide(use, ends, is_last=is_last)
        return None if role is None else Declaration(role, fan_in, fan_out)
    return own_row(use, infinite)


def _from_wide(use: OwnedParameter, infinite: tuple[bool, ...], *, is_last: bool) -> Role | None:
    """Role of a Linear or convolution from a wide to a fixed dimension, by its name; else None.

    Args:
        infinite: True if it grows, for (fan-out, fan-in, ..) in this order.

    """
    if is_mup_readout(use.owner) and infinite == (False, True):
        return Role.OUTPUT
    if isinstance(use.owner, (*CONVS, *TRANSPOSED)) and use.owner.groups != 1:
        return None
    if is_router(use, infinite):
        return Role.MOE_ROUTER
    if inside := fixed_inside(use, infinite):
        return inside
    if is_readout(use.name, infinite, is_last=is_last):
        return Role.OUTPUT
    return Role.GQA_KV if is_selection(use, infinite) else None


def _reads_out(use: OwnedParameter, found: Declaration | None) -> bool:
    """True if a table's second use is an output layer, as a Linear over a vocabulary is."""
    return isinstance(use.owner, nn.Linear) if found is None else found.role is Role.OUTPUT


def _two_roles(name: str, first: str) -> str:
    return (
        f"{name} is the same tensor as {first}: tied weights have two roles and no single rule;"
        " give each its own tensor, or read an embedding's by a"
        " parametrization.nn.layers.TiedReadout"
    )
