"""Every optimizer trains a model that FSDP2 shards as it trains the whole one."""

from collections.abc import Mapping
from typing import Any

import pytest

from parametrization.optimizers.registry import STUDIED
from tests.parametrization.nn.sharded_optimizers import Outcome
from tests.parametrization.nn.two_processes import stored_by_two_processes

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Of two processes over gloo that train by all optimizers: starting them is what takes long."""
    folder = tmp_path_factory.mktemp("sharded")
    return stored_by_two_processes("sharded_optimizers", folder, str(folder / "checkpoints"))


@pytest.fixture
def outcomes(stored: dict[str, Any]) -> Mapping[str, Outcome]:
    """By optimizer."""
    return {name: Outcome(*values) for name, values in stored["outcomes"].items()}


@pytest.mark.parametrize("optimizer", STUDIED)
def test_a_sharded_model_trains_like_the_whole_one(
    optimizer: str, outcomes: Mapping[str, Outcome]
) -> None:
    """Gradients are averaged in another order, and roots magnify rounding."""
    assert outcomes[optimizer].from_whole < 1e-6
    assert outcomes[optimizer].at_evaluation < 1e-6


@pytest.mark.parametrize("optimizer", STUDIED)
def test_a_distributed_checkpoint_resumes_it_bit_for_bit(
    optimizer: str, outcomes: Mapping[str, Outcome]
) -> None:
    assert outcomes[optimizer].from_uninterrupted == 0


def test_k_fac_refuses_replicas_whose_rows_it_cannot_see(stored: dict[str, Any]) -> None:
    assert "DistributedDataParallel): shard the model" in stored["refusal"]
