"""Models sharded over meshes of two dimensions start and train as one that nothing shards."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import PATIENCE_SECONDS

pytestmark = pytest.mark.slow


def test_hybrid_shards_and_tensor_parallel_layers_train_as_one_model_does(tmp_path: Path) -> None:
    """The start is equal, what follows up to rounding, for sums are taken in another order."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.parametrization.nn.meshed_training", tmp_path / "meet"],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert len(found) == 6
    for what, (dimensions, start, end) in found.items():
        assert (dimensions, start) == (2, 0.0), what
        assert end < 1e-3, what
