"""A nested state in one piece: nothing of it is lost, nor how its tensors lie in memory."""

from random import Random
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from workers.training.packed_state import packed, unpacked

sizes = st.lists(st.integers(1, 4), max_size=4)


@given(sizes, st.randoms(use_true_random=False), st.sampled_from([torch.float64, torch.int64]))
def test_a_tensor_comes_back_with_its_values_and_its_strides(
    shape: list[int], random: Random, dtype: torch.dtype
) -> None:
    order = random.sample(range(len(shape)), len(shape))
    tensor = torch.randn(shape).to(dtype).permute(order)
    (back,) = unpacked(packed({"state": [tensor]}))["state"]
    assert torch.equal(back, tensor)
    assert back.dtype == dtype
    longer = [axis for axis, size in enumerate(tensor.shape) if size > 1]
    assert [back.stride(a) for a in longer] == [tensor.stride(a) for a in longer]


@pytest.mark.parametrize(
    "tensor", [torch.ones(3).expand(2, 3), torch.arange(12).view(3, 4)[:, ::2]]
)
def test_a_view_with_gaps_comes_back_with_its_values(tensor: Tensor) -> None:
    assert torch.equal(unpacked(packed({"view": tensor}))["view"], tensor)


def test_plain_values_and_their_nesting_stay() -> None:
    state: dict[Any, Any] = {
        "step": 3,
        "rng": (1, [2.5, None, "x"]),
        "none": {},
        7: {"deep": torch.zeros(0)},
    }
    back: dict[Any, Any] = unpacked(packed(state))
    assert back.pop(7)["deep"].shape == (0,)
    assert back == {"step": 3, "rng": (1, [2.5, None, "x"]), "none": {}}


@pytest.mark.parametrize("value", [float("nan"), float("-inf"), torch.float32, Random])
def test_what_could_not_be_read_back_is_refused_before_it_is_stored(value: object) -> None:
    with pytest.raises(TypeError, match="cannot hold"):
        packed({"state": [value]})
