"""Declare role and axes of a tensor where they do not follow from its module's type and shape."""

from typing import Literal, NamedTuple, TypeAlias

from parametrization.shapes.roles import Axes, Role

Start: TypeAlias = Literal["draw", "keep"]


class Declaration(NamedTuple):
    """One tensor, or all that a pattern fits.

    Attributes:
        fan_in_axis: dimension, or dimensions, that the forward pass sums over: (0, 1) of an
            attention output [heads, head size, width]. None where nothing is summed. Negative
            numbers count from the last.
        fan_out_axis: dimension, or dimensions, of the result.
        constant: initial value of every entry if nothing is summed. Default: the model's own;
            entries that differ are kept as they are.
        initial: "keep" leaves the tensor as the model has it; "draw" draws it in any case.
            Default: drawn if it has a fan-in and is trained.
        stacked_axis: dimension, or dimensions, that hold one matrix per index: experts. Leading
            dimensions that are neither fan-in nor fan-out are stacked in any case.
        parts: of several matrices side by side along the fan-out's first dimension: their number
            (3 of queries, keys and values of one size), or their shares ((4, 1, 1) of 4 heads of
            queries and 1 of keys and of values). Matrix optimizers step each by itself. Default:
            one, or what torch's MultiheadAttention, LSTM and GRU have.
        decayed: True if weight decay acts on the tensor. Default: True if it has a fan-in; gains
            and biases follow the policy vector_decay_rule.
        lookup: True if rows are looked up and not multiplied. Default: True in an Embedding.

    """

    role: Role
    fan_in_axis: Axes = None
    fan_out_axis: Axes = None
    constant: float | None = None
    initial: Start | None = None
    stacked_axis: Axes = None
    lookup: bool | None = None
    parts: int | tuple[int, ...] | None = None
    decayed: bool | None = None
