"""Refuse dimensions that do not grow in proportion to width, with what to build in their place.

Most join a part that grows with a fixed one: an embedding of time beside a hidden state, queries
beside the keys of a fixed number of heads. The two parts have different roles, and so no one rule:
a rate that fits the part that grows would stop the fixed one from learning at large widths.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from fractions import Fraction
from typing import Final, NamedTuple

from torch import nn

from parametrization.nn.classification.rows import AFFINE, CONVS, TRANSPOSED
from parametrization.nn.parameter_names import OwnedParameter
from parametrization.shapes.like_tensors import family_pattern

_ELSE: Final = (
    "Where a size is rounded to a multiple, choose widths at which it need not be; one that grows"
    " as the square of width (of a layer that makes a matrix) has no rule: make the matrix of two"
    " factors that grow in proportion"
)
_INPUTS: Final = (
    "In place of {path} add up the results of two layers: {over_wide} over the inputs that grow,"
    " and {over_fixed} over the others"
)
_RESULTS: Final = (
    "In place of {path} join the results of two layers by torch.cat, one for those that grow and"
    " one for the others; or let the others grow too, as where the number of key heads, or of a"
    " state space's groups, follows width"
)
_AS_ITS_WEIGHT: Final = "It goes with the weight"
_ANY: Final = "Hold the two parts in tensors of their own, or let both grow"


class _Grown(NamedTuple):
    """A dimension that differs between two models, at the base width and at the other."""

    name: str
    axis: int
    size: int
    other: int

    @property
    def ratio(self) -> Fraction:
        return Fraction(self.other, self.size)


def common_ratio(
    base: Mapping[str, tuple[int | None, ...]],
    other: Mapping[str, tuple[int, ...]],
    owned: Mapping[str, OwnedParameter],
) -> float:
    """The one factor by which all growing dimensions grow.

    Args:
        base: by name, base sizes of the dimensions that grow, and None for the others.
        other: all sizes at another width.
        owned: the parameters, read for their layers.

    Raises:
        ValueError: if there are several: naming every dimension that does not grow as most do.

    """
    grown = [
        _Grown(name, axis, size, other[name][axis])
        for name, sizes in base.items()
        for axis, size in enumerate(sizes)
        if size is not None
    ]
    ratios = Counter(one.ratio for one in grown)
    if len(ratios) > 1:
        usual = ratios.most_common(1)[0][0]
        first = next(one for one in grown if one.ratio == usual)
        others = [one for one in grown if one.ratio != usual]
        raise ValueError(_refusal(first, others, owned))
    return float(next(iter(ratios), Fraction(1)))


def _refusal(usual: _Grown, others: Collection[_Grown], owned: Mapping[str, OwnedParameter]) -> str:
    like: dict[tuple[str, int, int], list[_Grown]] = {}
    for one in others:
        like.setdefault((family_pattern(one.name), one.axis, one.size), []).append(one)
    lines = [
        "every dimension that grows must grow in proportion to width, as dimension"
        f" {usual.axis} of {usual.name} does, from {usual.size} to {usual.other}:"
    ]
    for (pattern, _, _), same in like.items():
        name = pattern if len(same) > 1 else same[0].name
        lines.append(f"  {_words(name, same[0], usual.ratio, owned[same[0].name])}")
    return "\n".join([*lines, _ELSE])


def _words(name: str, one: _Grown, usual: Fraction, owned: OwnedParameter) -> str:
    goes = f"dimension {one.axis} of {name} goes from {one.size} to {one.other}"
    wide = (one.other - one.size) / (usual - 1)
    if wide.denominator != 1 or not 0 < wide < one.size:
        return goes
    fixed = one.size - int(wide)
    remedy = _remedy(name.rpartition(".")[0], owned, one.axis).format(
        path=name.rpartition(".")[0],
        over_wide=_layer_over(owned.owner, f"{wide}, .."),
        over_fixed=_layer_over(owned.owner, f"{fixed}, .., bias=False"),
    )
    return f"{goes}, so that {wide} of it grow and {fixed} do not. {remedy}"


def _remedy(path: str, owned: OwnedParameter, axis: int) -> str:
    owner = owned.owner
    if not path or not isinstance(owner, AFFINE):
        return _ANY
    if isinstance(owner, (*CONVS, *TRANSPOSED)) and owner.groups > 1:
        return _ANY
    if owned.attribute == "bias":
        return _AS_ITS_WEIGHT
    return _INPUTS if axis == (0 if isinstance(owner, TRANSPOSED) else 1) else _RESULTS


def _layer_over(owner: nn.Module, arguments: str) -> str:
    return f"{type(owner).__name__}({arguments})"
