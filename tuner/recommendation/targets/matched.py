"""Give every tensor of a described target its rule: that of the study's tensor of the same part.

What no tensor of the study's model is like is listed, never guessed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from parametrization.shapes.like_tensors import family_pattern
from parametrization.shapes.roles import ModelShape, TensorShape, as_tuple
from tuner.recommendation.exports.frameworks.namings import HOLDS, MADE_OF, Part
from tuner.recommendation.exports.frameworks.renaming import naming_of_names, part_of
from tuner.recommendation.targets.described import DescribedTarget, DescribedTensor

_Key: TypeAlias = tuple[Part, str]


@dataclass(frozen=True, slots=True)
class Matched:
    """The target's tensors by their own names, with the base shapes of the study's.

    Attributes:
        shape: of the tensors that match, in the target's order.
        target_shapes: of the same, at the target.
        unmapped: tensors that the study's model has nothing like, `*` for block numbers.

    """

    shape: ModelShape
    target_shapes: Mapping[str, tuple[int, ...]]
    unmapped: tuple[str, ...]
    grouped: bool
    """Whether the study's queries, too, have more heads than keys and values."""


def matched(study: ModelShape, target: DescribedTarget) -> Matched:
    """Match by names that are equal but for block numbers, else by what a tensor is part of."""
    by_pattern = {family_pattern(one.name): one for one in study.tensors}
    by_part = _by_part(study)
    found: list[TensorShape] = []
    unmapped: dict[str, None] = {}
    for tensor in target.tensors:
        pattern = family_pattern(tensor.name)
        like = by_pattern.get(pattern) or _like(tensor, by_part)
        if like is None or len(like.base_shape) != len(tensor.shape) or _clashes(like, tensor):
            unmapped[pattern] = None
        else:
            found.append(replace(like, name=tensor.name))
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
    naming = naming_of_names([tensor.name for tensor in study.tensors])
    found: dict[_Key, TensorShape] = {}
    for tensor in study.tensors:
        key = None if naming is None else part_of(naming, tensor.name)
        if key is not None:
            found.setdefault(key, tensor)
    return found


def _like(tensor: DescribedTensor, by_part: Mapping[_Key, TensorShape]) -> TensorShape | None:
    """The study's tensor of that part, or of the parts that it is made of."""
    suffix = tensor.name.rpartition(".")[2]
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


def _clashes(like: TensorShape, tensor: DescribedTensor) -> bool:
    """A norm's gain over one head is no gain over all heads, whose number grows with width."""
    return like.infinite[0] != tensor.grows and len(tensor.shape) == 1
