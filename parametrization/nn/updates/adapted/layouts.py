"""Step a tensor as the matrix, or the matrices, of its layout.

Updates take [fan_out, fan_in, *kernel], as torch lays out Linear and Conv. A tensor of another
layout is permuted to that; dimensions that make one side together become one; independent matrices
(experts; queries, keys and values in one tensor) are stepped each by itself, as tensors of their
own. State is that of the matrices, in their layout.
"""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor

from parametrization.nn.updates.update import (
    AnyUpdate,
    Contribution,
    CoupledOptimizer,
    EvaluationPoint,
    Hyper,
    Kind,
    State,
    adapted,
)
from parametrization.shapes.roles import Layout


def for_layout(optimizer: Kind, layout: Layout) -> Kind:
    """`optimizer`, which needs no layer's signals, for tensors of this layout."""
    if optimizer.declaration.entrywise:
        return optimizer  # where an entry stands makes no difference
    if layout.parts:
        return _of_parts(for_layout(optimizer, layout._replace(parts=())), layout)
    return optimizer if _is_plain(layout) else _of_matrices(optimizer, layout)


def as_matrices(tensor: Tensor, layout: Layout) -> Tensor:
    """[fan_out, fan_in, *kernel], or [count, fan_out, fan_in, *kernel] where matrices are stacked.

    Without a fan-in [fan_out]. A view, where that can be.
    """
    sides = [side for side in (layout.stacked, layout.fan_out, _summed(layout)) if side]
    if _summed(layout) and not layout.fan_out:  # a readout to one number, stored as a vector
        sides.insert(len(sides) - 1, ())
    sizes = [prod(tensor.shape[axis] for axis in side) for side in sides]
    kernel = [tensor.shape[axis] for axis in layout.kernel]
    return tensor.permute(_order(layout)).reshape(*sizes, *kernel)


def as_stored(matrices: Tensor, layout: Layout, shape: Sequence[int]) -> Tensor:
    """Inverse of `as_matrices`: a tensor of this shape, in its own layout."""
    order = _order(layout)
    unmerged = matrices.reshape([shape[axis] for axis in order])
    return unmerged.permute([order.index(axis) for axis in range(len(shape))])


def _order(layout: Layout) -> list[int]:
    return [*layout.stacked, *layout.fan_out, *_summed(layout), *layout.kernel]


def _summed(layout: Layout) -> tuple[int, ...]:
    """Dimensions of the fan-in."""
    return tuple(axis for axis in layout.fan_in if axis not in layout.kernel)


def _is_plain(layout: Layout) -> bool:
    """True if updates take tensors of this layout without a permutation."""
    sides = (layout.fan_out, _summed(layout))
    return sides in (((0,), (1,)), ((0,), ()), ((), ())) and not layout.stacked


def _of_matrices(optimizer: Kind, layout: Layout) -> Kind:
    """The optimizer on permuted tensors, mapped over the matrices if there are several."""

    def each(function: Callable[..., Any], *axes: int | None) -> Callable[..., Any]:
        return torch.func.vmap(function, in_dims=axes) if layout.stacked else function

    def init(parameter: Tensor) -> State:
        matrices = as_matrices(parameter, layout)
        if not layout.stacked:
            return optimizer.init(matrices)
        states = [optimizer.init(matrix) for matrix in matrices]
        return {part: torch.stack([state[part] for state in states]) for part in states[0]}

    shared = [None, None] if isinstance(optimizer, CoupledOptimizer) else [None]
    step = each(optimizer.update, 0, 0, 0, *shared)

    def update(
        parameter: Tensor, gradient: Tensor, state: State, hyper: Hyper, *total: Tensor
    ) -> tuple[Tensor, State]:
        matrices = (as_matrices(parameter, layout), as_matrices(gradient, layout))
        stepped, new_state = step(*matrices, state, dict(hyper), *total)
        return as_stored(stepped, layout, parameter.shape), new_state

    def contribution(given: Contribution) -> Contribution:
        of_each = each(given, 0, None)
        return lambda gradient, hyper: of_each(as_matrices(gradient, layout), dict(hyper)).sum()

    def evaluation_point(given: EvaluationPoint) -> EvaluationPoint:
        of_each = each(given, 0, 0, None)
        return lambda parameter, state, hyper: as_stored(
            of_each(as_matrices(parameter, layout), state, dict(hyper)), layout, parameter.shape
        )

    return adapted(optimizer, init, update, contribution, evaluation_point)


def _of_parts(optimizer: Kind, layout: Layout) -> Kind:
    """The optimizer on each share of the fan-out's first dimension, each with its own state."""
    axis = layout.fan_out[0]

    def parts_of(tensor: Tensor) -> tuple[Tensor, ...]:
        unit = tensor.shape[axis] // sum(layout.parts)
        return torch.split(tensor, [share * unit for share in layout.parts], axis)

    def init(parameter: Tensor) -> State:
        return _together([optimizer.init(part) for part in parts_of(parameter)])

    step: AnyUpdate = optimizer.update

    def update(
        parameter: Tensor, gradient: Tensor, state: State, hyper: Hyper, *total: Tensor
    ) -> tuple[Tensor, State]:
        pairs = zip(parts_of(parameter), parts_of(gradient), strict=True)
        stepped = [
            step(part, own, _of_part(state, number), hyper, *total)
            for number, (part, own) in enumerate(pairs)
        ]
        return torch.cat([part for part, _ in stepped], axis), _together([s for _, s in stepped])

    def contribution(given: Contribution) -> Contribution:
        return lambda gradient, hyper: torch.stack(
            [given(part, hyper) for part in parts_of(gradient)]
        ).sum()

    def evaluation_point(given: EvaluationPoint) -> EvaluationPoint:
        return lambda parameter, state, hyper: torch.cat(
            [
                given(part, _of_part(state, number), hyper)
                for number, part in enumerate(parts_of(parameter))
            ],
            axis,
        )

    return adapted(optimizer, init, update, contribution, evaluation_point)


def _together(states: Sequence[State]) -> State:
    return {f"{n}.{name}": value for n, state in enumerate(states) for name, value in state.items()}


def _of_part(state: State, number: int) -> State:
    prefix = f"{number}."
    own = {name: value for name, value in state.items() if name.startswith(prefix)}
    return {name.removeprefix(prefix): value for name, value in own.items()}
