"""Raw tensors with a forward multiplier train alike whole and sharded, or are refused."""

from typing import Any

import pytest

from tests.parametrization.nn.two_processes import stored_by_two_processes

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Of two processes over gloo."""
    return stored_by_two_processes("sharded_readouts", tmp_path_factory.mktemp("sharded_readouts"))


@pytest.mark.parametrize("way", ["FSDP2, multiplied first", "FSDP2, sharded first", "FSDP1"])
@pytest.mark.parametrize("role", ["output", "router"])
def test_a_multiplied_tensor_trains_sharded_as_it_trains_whole(
    role: str, way: str, stored: dict[str, Any]
) -> None:
    """In double precision: FSDP took the product for the parameter, and multiplied it again."""
    assert stored["apart"][f"{role}: {way}"] < 1e-12


def test_a_model_that_fsdp1_has_flattened_is_refused_with_the_order_that_works(
    stored: dict[str, Any],
) -> None:
    for refusal in stored["refusals"]:
        assert "apply first and wrap the model then, with use_orig_params=True" in refusal


@pytest.mark.parametrize("role", ["output", "router"])
def test_folding_a_sharded_model_leaves_what_it_computes(role: str, stored: dict[str, Any]) -> None:
    assert stored["folding"][role] < 1e-12
