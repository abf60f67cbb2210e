"""The shape of a deeper model, from that of a shallower one."""

from dataclasses import replace
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parametrization.shapes.deeper_models import shape_at_depth
from parametrization.shapes.roles import ModelShape, Role, TensorShape
from tests.parametrization.builders import TENSORS, shape_of
from tests.parametrization.nn.many_layers import ResidualMlp
from tests.parametrization.nn.small_models import Mlp

SHAPES = {depth: shape_of(partial(ResidualMlp, depth=depth)) for depth in (1, 2, 3, 12)}


@given(base=st.sampled_from(list(SHAPES)), target=st.sampled_from(list(SHAPES)))
def test_a_shape_grows_and_shrinks_into_that_of_the_model_itself(base: int, target: int) -> None:
    assert shape_at_depth(SHAPES[base], base, target) == SHAPES[target]


def in_block(name: str) -> TensorShape:
    return replace(TENSORS[Role.HIDDEN], name=name, in_block=True)


def of(*names: str) -> ModelShape:
    return ModelShape(32, tuple(in_block(name) for name in names))


def test_blocks_may_lie_deeper_in_the_model_and_hold_numbers_themselves() -> None:
    shape = of("body.blocks.0.0.weight", "body.blocks.0.1.weight")
    assert [tensor.name for tensor in shape_at_depth(shape, 1, 2).tensors] == [
        *("body.blocks.0.0.weight", "body.blocks.0.1.weight"),
        *("body.blocks.1.0.weight", "body.blocks.1.1.weight"),
    ]


NOT_ALIKE = {
    "other tensors": (of("blocks.0.a.weight", "blocks.1.b.weight"), 2),
    "another base depth": (SHAPES[3], 2),
    "not from 0": (of("blocks.1.a.weight", "blocks.2.a.weight"), 2),
    "one stack after another": (of("a.0.weight", "a.1.weight", "b.0.weight", "b.1.weight"), 2),
    "two stacks": (of("a.0.weight", "b.1.weight"), 2),
}


@pytest.mark.parametrize(("shape", "depth"), NOT_ALIKE.values(), ids=NOT_ALIKE)
def test_blocks_that_are_not_alike_are_refused(shape: ModelShape, depth: int) -> None:
    assert shape_at_depth(shape, depth, depth) == shape
    with pytest.raises(ValueError, match=r"the residual blocks are not \d alike, numbered from 0"):
        shape_at_depth(shape, depth, 8)


def test_a_model_without_blocks_or_their_numbers_is_refused() -> None:
    with pytest.raises(ValueError, match="depth 6 is not the base depth 3, and no tensor is ins"):
        shape_at_depth(shape_of(Mlp), 3, 6)
    with pytest.raises(ValueError, match=r"block\.weight is in a residual block and has no bl"):
        shape_at_depth(of("block.weight"), 1, 2)
