"""Every optimizer trains a model that FSDP2 shards as it trains the whole one."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch

from parametrization.optimizers.registry import STUDIED
from tests.parametrization.nn.sharded_optimizers import Outcome

ROOT = Path(__file__).resolve().parents[3]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Outcome]:
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
    stored = torch.load(folder / "result.pt", weights_only=True)
    return {name: Outcome(*values) for name, values in stored.items()}


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
