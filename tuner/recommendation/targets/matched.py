"""Give every tensor of a described target the rule of the study's tensor of the same part.

A tensor without a like in the study's model is listed, never guessed.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from parametrization.shapes.like_tensors import family_pattern
from parametrization.shapes.roles import ModelShape, TensorShape, as_tuple
from tuner.recommendation.exports.frameworks.namings import HOLDS, KNOWN, MADE_OF, VISION, Part
from tuner.recommendation.exports.frameworks.renaming import naming_of_names, part_of
from tuner.recommendation.targets.described import DescribedTarget, DescribedTensor

_Key: TypeAlias = tuple[Part, str]


@dataclass(frozen=True, slots=True)
class Matched:
    """The target's tensors by their own names, with the base shapes of the study's.

    Attributes:
        shape: of the tensors that match, in the target's order.
        target_shapes: of the same, at the target.
        unmapped: tensors without a like in the study's model, `*` for block numbers.

    """

    shape: ModelShape
    target_shapes: Mapping[str, tuple[int, ...]]
    unmapped: tuple[str, ...]
    grouped: bool
    """True if the study's queries, too, have more heads than keys and values."""


def matched(study: ModelShape, target: DescribedTarget) -> Matched:
    """Match by names that are equal but for block numbers, else by what a tensor is part of."""
    by_pattern = {family_pattern(one.name): one for one in study.tensors}
    by_part = _by_part(study)
    found: list[TensorShape] = []
    unmapped: dict[str, None] = {}
    for tensor in target.tensors:
        pattern = family_pattern(tensor.name)
        like = by_pattern.get(pattern) or _like(tensor, by_part)
        fitted = None if like is None or _clashes(like, tensor) else _fitted(like, tensor.shape)
        if fitted is None:
            unmapped[pattern] = None
        else:
            found.append(replace(fitted, name=tensor.name))
    shapes = {tensor.name: tensor.shape for tensor in target.tensors}
    return Matched(
        ModelShape(study.base_width, tuple(found)),
        {one.name: shapes[one.name] for one in found},
        tuple(unmapped),
        _is_grouped(by_part),
    )


def _is_grouped(by_part: Mapping[_Key, TensorShape]) -> bool:
    query = by_part.get((Part.QUERY, "weight"))
    keys = by_part.get((Part.KV, "weight")), by_part.get((Part.KEY, "weight"))
    if query is None or keys == (None, None):
        return False
    both, one = keys
    rows = both.base_shape[0] // 2 if both is not None else 0 if one is None else one.base_shape[0]
    return rows != query.base_shape[0]


def _by_part(study: ModelShape) -> dict[_Key, TensorShape]:
    """The first tensor of every part, where the study's model is named in a known way."""
    naming = naming_of_names([tensor.name for tensor in study.tensors], (*KNOWN, *VISION))
    found: dict[_Key, TensorShape] = {}
    for tensor in study.tensors:
        key = None if naming is None else part_of(naming, tensor.name)
        if key is not None:
            found.setdefault(key, tensor)
    return found


def _like(tensor: DescribedTensor, by_part: Mapping[_Key, TensorShape]) -> TensorShape | None:
    """The study's tensor of that part, or of the parts that it is made of."""
    if tensor.part is None:
        return None
    suffix = "bias" if tensor.name.endswith(".bias") else "weight"
    own = by_part.get((tensor.part, suffix))
    if own is None:
        ways = MADE_OF.get(tensor.part, ())
        own = next(filter(None, (_made_of(way, suffix, by_part) for way in ways)), None)
    return own if own is None or not tensor.transposed or suffix == "bias" else _turned(own)


def _made_of(
    way: tuple[Part, ...], suffix: str, by_part: Mapping[_Key, TensorShape]
) -> TensorShape | None:
    """One tensor from several of one role, or a share of one that holds several."""
    sources = [by_part[part, suffix] for part in way if (part, suffix) in by_part]
    if len(sources) != len(way) or len({source.role for source in sources}) != 1:
        return None
    first, share = sources[0], HOLDS.get(way[0], 1) if len(way) == 1 else 1
    rows = sum(source.base_shape[0] for source in sources) // share
    return replace(first, base_shape=(rows, *first.base_shape[1:]))


def _turned(tensor: TensorShape) -> TensorShape:
    """The matrix as [in, out]."""
    last = len(tensor.base_shape) - 1
    return replace(
        tensor,
        base_shape=tensor.base_shape[::-1],
        infinite=tensor.infinite[::-1],
        fan_in_axis=tuple(last - axis for axis in as_tuple(tensor.fan_in_axis)),
        fan_out_axis=tuple(last - axis for axis in as_tuple(tensor.fan_out_axis)),
    )


def _fitted(like: TensorShape, shape: tuple[int, ...]) -> TensorShape | None:
    """The study's tensor with the target's dimensions; None where it cannot have them.

    A fan-in that no width changes is the target's own, and so are a kernel's positions. A matrix
    over such a fan-in may be a kernel at the target, and a table may have a dimension of 1 before
    it.
    """
    if len(shape) > len(like.base_shape) and shape[0] == 1:
        return _fitted(_behind_one(like), shape)
    fixed = like.fan_in is not None and not like.fan_in_grows and not like.is_table
    if len(shape) > len(like.base_shape) == 2 and fixed and like.fan_in_axis == 1:
        rest = len(shape) - 2
        grown = (*like.infinite, *[False] * rest)
        return replace(
            like,
            base_shape=(like.base_shape[0], *shape[1:]),
            infinite=grown,
            taps=math.prod(shape[2:]),
        )
    if len(shape) != len(like.base_shape):
        return None
    kernel = like.layout.kernel if like.fan_in is not None else ()
    own = {*kernel, *(like.fan_in_axes if fixed else ())}
    sizes = tuple(shape[at] if at in own else size for at, size in enumerate(like.base_shape))
    more = math.prod(shape[at] / like.base_shape[at] for at in kernel)
    return replace(like, base_shape=sizes, taps=like.taps * more)


def _behind_one(like: TensorShape) -> TensorShape:
    return replace(
        like,
        base_shape=(1, *like.base_shape),
        infinite=(False, *like.infinite),
        fan_in_axis=tuple(axis + 1 for axis in like.fan_in_axes) or None,
        fan_out_axis=tuple(axis + 1 for axis in like.fan_out_axes) or None,
        stacked_axes=tuple(axis + 1 for axis in like.stacked_axes),
    )


def _clashes(like: TensorShape, tensor: DescribedTensor) -> bool:
    """A norm's gain over one head is no gain over all heads, whose number grows with width."""
    one_dimension = len(tensor.shape) == 1 == len(like.infinite)
    return one_dimension and tensor.grows is not None and like.infinite[0] != tensor.grows
