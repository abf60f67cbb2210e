"""The example of FSDP2 as a reader runs it: twice, the second run going on from the first."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import PATIENCE_SECONDS

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.slow
def test_the_example_of_fsdp2_trains_and_resumes(tmp_path: Path) -> None:
    lines = [_run(tmp_path / "checkpoint") for _ in range(2)]
    steps, losses = zip(*(line.split(": loss ") for line in lines), strict=True)
    assert steps == ("step 10", "step 20")
    assert float(losses[1]) < float(losses[0]) < 4.2  # ln 64: knowing nothing


def _run(checkpoint: Path) -> str:
    command = [*("-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone")]
    run = subprocess.run(
        [sys.executable, *command, "examples/fsdp2.py", str(checkpoint)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    return run.stdout.strip().splitlines()[-1]
