"""The example of a target's training as a reader runs it, alone and with torchrun."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from parametrization.recommendation.content_hash import content_sha256
from tests.patience import PATIENCE_SECONDS
from tests.tuner.builders import Trials, snapshot, spec, study, surface
from tests.tuner.recommendation.answers import recommend
from tests.workers.specs import gpt, model_spec
from workers.training.model_shapes import model_shape

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = "examples/train_target.py"


@pytest.fixture
def pinned(tmp_path: Path) -> tuple[Path, str]:
    """A recommendation's file and the hash of its content."""
    family = gpt(context=16)
    asked = spec(family=family.model_dump(mode="json"))
    known = snapshot(
        Trials(surface()).search([-6.0, -5.0, -4.5]).measure(),
        statistics=(),
        record=study(spec=asked, shape=model_shape(model_spec(family, width=32, base_width=32))),
    )
    content = json.loads(recommend(known, width=64).model_dump_json())
    path = tmp_path / "recommendation.json"
    path.write_text(json.dumps(content))
    return path, content_sha256(content)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def observed(ran: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    """What the last line asks to be reported."""
    assert ran.returncode == 0, ran.stderr[-3000:]
    losses: list[dict[str, Any]] = json.loads(ran.stdout.strip().splitlines()[-1])["observations"]
    return losses


def test_a_target_is_trained_from_a_pinned_file_and_its_losses_are_printed_to_be_reported(
    pinned: tuple[Path, str],
) -> None:
    path, digest = pinned
    losses = observed(
        run(SCRIPT, str(path), "--sha256", digest, "--updates", "30", "--despite-abstain")
    )
    assert [one["step"] for one in losses] == list(range(1, 31))
    assert all(one.keys() == {"step", "loss"} for one in losses)
    assert losses[-1]["loss"] < losses[0]["loss"]


def test_a_file_that_was_changed_is_not_trained_from(pinned: tuple[Path, str]) -> None:
    path, _ = pinned
    ran = run(SCRIPT, str(path), "--sha256", "0" * 64, "--updates", "1")
    assert ran.returncode != 0
    assert "is not the recommendation that was pinned" in ran.stderr
    assert "observations" not in ran.stdout


@pytest.mark.slow
def test_two_processes_read_it_once_and_report_one_loss_an_update(
    pinned: tuple[Path, str],
) -> None:
    path, digest = pinned
    torchrun = ("-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone")
    options = ("--sha256", digest, "--updates", "4", "--despite-abstain")
    ran = run(*torchrun, SCRIPT, str(path), *options)
    assert [one["step"] for one in observed(ran)] == [1, 2, 3, 4]
    assert ran.stdout.count("observations") == 1
