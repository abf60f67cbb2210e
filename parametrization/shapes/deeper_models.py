"""Base shapes of a model of another depth: its residual blocks repeated, everything else kept."""

from dataclasses import replace
from typing import NamedTuple

from parametrization.shapes.roles import ModelShape, TensorShape


class _Inside(NamedTuple):
    stack: str
    """Start of its name, up to the block's number."""
    number: int
    tensor: TensorShape
    """Named within its block."""


def shape_at_depth(shape: ModelShape, base_depth: int, depth: int) -> ModelShape:
    """The shape of the same model with `depth` blocks, in `named_parameters()` order.

    Args:
        shape: of `base_depth` blocks, the tensors inside them marked.
        base_depth: blocks, numbered from 0 by the first number in their tensors' names.

    Raises:
        ValueError: if no tensor is in a block, or if the blocks are not numbered so or not alike:
            further ones are then unknown.

    """
    if depth == base_depth:
        return shape
    inside = [tensor for tensor in shape.tensors if tensor.in_block]
    if not inside:
        raise ValueError(
            f"depth {depth} is not the base depth {base_depth}, and no tensor is inside a residual"
            " block, of which depth adds more: keep the depth of the base"
        )
    template = _template([_numbered(tensor) for tensor in inside], base_depth)
    first = shape.tensors.index(inside[0])
    repeated = tuple(
        replace(one.tensor, name=f"{one.stack}{number}.{one.tensor.name}")
        for number in range(depth)
        for one in template
    )
    return ModelShape(
        shape.base_width,
        (*shape.tensors[:first], *repeated, *shape.tensors[first + len(inside) :]),
    )


def _numbered(tensor: TensorShape) -> _Inside:
    parts = tensor.name.split(".")
    at = next((at for at, part in enumerate(parts[:-1]) if part.isdecimal()), None)
    if at is None:
        raise ValueError(
            f"{tensor.name} is in a residual block and has no block number in its name: keep the"
            " depth of the base, or put the blocks into one nn.Sequential or nn.ModuleList"
        )
    stack = "".join(f"{part}." for part in parts[:at])
    return _Inside(stack, int(parts[at]), replace(tensor, name=".".join(parts[at + 1 :])))


def _template(inside: list[_Inside], base_depth: int) -> list[_Inside]:
    """One block's tensors; all blocks are equal to it."""
    blocks = [
        [one._replace(number=0) for one in inside if one.number == number]
        for number in range(base_depth)
    ]
    in_order = [one._replace(number=0) for one in inside]
    if [one for block in blocks for one in block] != in_order or blocks != blocks[:1] * base_depth:
        raise ValueError(
            f"the residual blocks are not {base_depth} alike, numbered from 0, one after another:"
            " another depth of this model is unknown; keep the depth of the base"
        )
    return blocks[0]
