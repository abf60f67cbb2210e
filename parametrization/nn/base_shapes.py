"""Base shapes of a model: from a base and a delta model, or a .bsh file."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from torch import nn

from parametrization.nn.classification.proposed.joined_dimensions import common_ratio
from parametrization.nn.classification.start_exponents import start_exponents
from parametrization.nn.classification.starts import starts_alike
from parametrization.nn.classification.two_widths import refuse_unfit_growth
from parametrization.nn.classify import Declaration, classify_model
from parametrization.nn.parameter_names import owned_parameters, unwrapped
from parametrization.nn.start.fixed_starts import shared_starts
from parametrization.shapes.base_shape_files import (
    growing_dimensions,
    read_dimensions,
    write_dimensions,
)
from parametrization.shapes.roles import ModelShape, Role


def derive_model_shape(
    base: nn.Module,
    delta: nn.Module,
    base_width: int,
    *,
    roles: Mapping[str, Role | Declaration] | None = None,
    blocks: Iterable[str] = (),
    fixed: Collection[str] = (),
) -> ModelShape:
    """Roles and base shapes: a dimension grows with width if `base` and `delta` differ in it.

    Args:
        base: the model at `base_width`; the meta device will do, but there the starts that the
            model gives its tensors are not seen: zero and identity matrices are then drawn, and
            `apply(initial="scale")` needs models with memory.
        delta: the same model at any other width.
        base_width: the width of `base`, to which all width multipliers are relative.
        roles: roles that do not follow from module types and shapes, as in `classify_model`.
        blocks: patterns of tensors in residual blocks, as in `classify_model`.
        fixed: names of tensors that have the same values each time the model is built, as in
            `classify_model`; `own_model.shape` finds them. Those of which `base` holds the first
            values that `delta` holds are found here.

    Raises:
        ValueError: if the two differ in more than width, if a dimension that should vary does
            not, if two dimensions vary by different factors, if a parameter has no rule, or if
            the model itself scales its logits with width.

    """
    base_sizes, delta_sizes = _sizes(base), _sizes(delta)
    _require_same_names("the base model", base_sizes, "the delta model", delta_sizes)
    for name, size in base_sizes.items():
        if len(size) != len(delta_sizes[name]):
            raise ValueError(
                f"{name} is {size} in the base model and {delta_sizes[name]} in the delta model:"
                " they may differ in width only"
            )
    dimensions = growing_dimensions(base_sizes, delta_sizes)
    if not any(size is not None for sizes in dimensions.values() for size in sizes):
        raise ValueError(
            "base and delta model have equal shapes, so nothing grows with width:"
            " build the delta model at another width, and let the sizes of its layers follow the"
            " width that it is built with"
        )
    own, wider = (
        {owned.name: owned for owned in owned_parameters(model)} for model in (base, delta)
    )
    ratio = common_ratio(dimensions, delta_sizes, own)
    refuse_unfit_growth(base, delta, ratio)
    powers = start_exponents(own, wider, ratio)
    shape = classify_model(
        base,
        dimensions,
        base_width,
        roles=roles,
        blocks=blocks,
        start_exponents=powers,
        fixed={*fixed, *shared_starts(own, wider)},
    )
    tensors = (
        replace(tensor, start_exponent=powers[tensor.name])
        if starts_alike(tensor, own[tensor.name], wider[tensor.name])
        else replace(tensor, constant=0.0, kept=True)
        for tensor in shape.tensors
    )
    return replace(shape, tensors=tuple(tensors))


def write_base_shapes(shape: ModelShape, path: Path) -> None:
    """Store base shapes in `mup`'s YAML format, for `mup.set_base_shapes`."""
    write_dimensions(
        {
            tensor.name: tuple(
                size if wide else None
                for size, wide in zip(tensor.base_shape, tensor.infinite, strict=True)
            )
            for tensor in shape.tensors
        },
        path,
    )


def read_base_shapes(
    path: Path,
    model: nn.Module,
    base_width: int,
    *,
    roles: Mapping[str, Role | Declaration] | None = None,
    blocks: Iterable[str] = (),
) -> ModelShape:
    """Base shapes from a file in `mup`'s format, written by `mup` or by `write_base_shapes`.

    Args:
        path: also of a model that was wrapped for data parallelism when it was saved.
        model: the model the file belongs to, of any width; read for its module types.
        base_width: the width at which the file was written, which it does not hold.
        roles: roles that do not follow from module types and shapes, as in `classify_model`.
        blocks: patterns of tensors in residual blocks, as in `classify_model`.

    Raises:
        ValueError: if file and model name different parameters, or disagree about shapes.

    """
    stored = read_dimensions(path)
    bare = unwrapped(stored)
    dimensions = {bare[name]: sizes for name, sizes in stored.items()}
    sizes = _sizes(model)
    _require_same_names(path.name, dimensions, "the model", sizes)
    for name, base in dimensions.items():
        if len(base) != len(sizes[name]):
            raise ValueError(
                f"{name} has {len(base)} dimensions in {path.name} and shape {sizes[name]} in the"
                " model: the file belongs to another model"
            )
    common_ratio(dimensions, sizes, {owned.name: owned for owned in owned_parameters(model)})
    return classify_model(model, dimensions, base_width, roles=roles, blocks=blocks)


def _sizes(model: nn.Module) -> dict[str, tuple[int, ...]]:
    return {owned.name: tuple(owned.parameter.shape) for owned in owned_parameters(model)}


def _require_same_names(first: str, a: Iterable[str], second: str, b: Iterable[str]) -> None:
    only_a, only_b = sorted(set(a) - set(b)), sorted(set(b) - set(a))
    if only_a or only_b:
        raise ValueError(
            f"{first} and {second} must have the same parameters;"
            f" only in {first}: {', '.join(only_a) or 'none'};"
            f" only in {second}: {', '.join(only_b) or 'none'}"
        )
