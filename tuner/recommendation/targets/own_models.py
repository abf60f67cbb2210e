"""Read the tensors of a user's own model from JSON, such as `widthwise shapes` writes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tuner.recommendation.exports.frameworks.namings import KNOWN, VISION, Part
from tuner.recommendation.exports.frameworks.renaming import naming_of_names, part_of
from tuner.recommendation.targets.described import (
    DescribedTarget,
    DescribedTensor,
    IllegalConfiguration,
)
from tuner.recommendation.targets.fields import LARGEST, MOST_BLOCKS, Fields

TENSORS: Final = "tensors"
MOST_TENSORS: Final = 50_000
_MOST_DIMENSIONS: Final = 8
_LONGEST_NAME: Final = 500
_OF_HEADS: Final = {Part.QUERY_NORM: Part.QUERY, Part.KEY_NORM: Part.KEY}


def read_own_model(given: Mapping[str, Any]) -> DescribedTarget:
    """The target that a list of its tensors describes.

    Args:
        given: `width` (or `base_width`), `depth`, and `tensors`: objects of `name` and `shape` (or
            `base_shape`), perhaps `transposed` where a matrix is [in, out]; perhaps `tied`.

    Raises:
        IllegalConfiguration: if one of them is missing or wrong.

    """
    fields = Fields(given)
    listed = given.get(TENSORS)
    if not isinstance(listed, list) or not 1 <= len(listed) <= MOST_TENSORS:
        raise IllegalConfiguration(TENSORS, f"must be a list of 1 to {MOST_TENSORS} tensors")
    found: dict[str, _Given] = {}
    for at, one in enumerate(listed):
        tensor = _given(f"{TENSORS}/{at}", one)
        if tensor.name in found:
            raise IllegalConfiguration(f"{TENSORS}/{at}/name", f"{tensor.name!r} is there twice")
        found[tensor.name] = tensor
    if given.get("depth") is None:
        words = "is missing: say how deep the model is, as the study's family counts it"
        raise IllegalConfiguration("depth", words)
    return DescribedTarget(
        source="tensors of a model of your own",
        width=fields.size("width", "base_width"),
        depth=fields.size("depth", most=MOST_BLOCKS),
        tied=None if given.get("tied") is None else fields.flag("tied", default=False),
        tensors=_with_parts(found),
    )


@dataclass(frozen=True, slots=True)
class _Given:
    name: str
    shape: tuple[int, ...]
    transposed: bool


def _given(place: str, one: object) -> _Given:
    if not isinstance(one, Mapping):
        raise IllegalConfiguration(place, "must be an object of name and shape")
    name = one.get("name")
    if not isinstance(name, str) or not 1 <= len(name) <= _LONGEST_NAME:
        raise IllegalConfiguration(f"{place}/name", "must be a parameter's name")
    field = "shape" if "shape" in one else "base_shape"
    shape = one.get(field)
    if (
        not isinstance(shape, list)
        or len(shape) > _MOST_DIMENSIONS
        or not all(type(size) is int and 1 <= size <= LARGEST for size in shape)
    ):
        words = f"must be a list of at most {_MOST_DIMENSIONS} sizes from 1 to {LARGEST}"
        raise IllegalConfiguration(f"{place}/{field}", words)
    turned = one.get("transposed")
    if turned is not None and not isinstance(turned, bool):
        raise IllegalConfiguration(f"{place}/transposed", "must be true or false")
    return _Given(name, tuple(shape), turned is True)


def _with_parts(found: Mapping[str, _Given]) -> tuple[DescribedTensor, ...]:
    naming = naming_of_names(tuple(found), (*KNOWN, *VISION))
    keys = {name: None if naming is None else part_of(naming, name) for name in found}
    parts = {name: key[0] for name, key in keys.items() if key is not None}
    sizes = {part: found[name].shape for name, part in parts.items()}

    def grows(part: Part | None, shape: tuple[int, ...]) -> bool | None:
        """Gains of queries and keys are over one head, or over all of them."""
        over = None if part is None else _OF_HEADS.get(part)
        return None if over not in sizes or not shape else shape[0] == sizes[over][0]

    return tuple(
        DescribedTensor(
            name=one.name,
            shape=one.shape,
            part=parts.get(one.name),
            grows=grows(parts.get(one.name), one.shape),
            transposed=one.transposed,
        )
        for one in found.values()
    )
