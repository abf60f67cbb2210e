"""Every optimizer trains a model that FSDP2 shards as it trains the whole one."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from parametrization.optimizers.registry import STUDIED
from tests.parametrization.nn.sharded_optimizers import Outcome

ROOT = Path(__file__).resolve().parents[3]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Of two processes over gloo that train by all optimizers: starting them is what takes long."""
    folder = tmp_path_factory.mktemp("sharded")
    arguments = (str(folder / name) for name in ("rendezvous", "result.pt", "checkpoints"))
    command = [sys.executable, "-m", "tests.parametrization.nn.sharded_optimizers", *arguments]
    workers = [
        subprocess.Popen(
            [*command, str(rank)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        )
        for rank in range(2)
    ]
    try:
        assert [worker.wait(timeout=300) for worker in workers] == [0, 0]
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    results: dict[str, Any] = torch.load(folder / "result.pt", weights_only=True)
    return results


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
