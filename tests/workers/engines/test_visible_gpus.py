"""One GPU a worker, which is the first one that it sees."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from workers.engines.local import places
from workers.engines.slot_process import SlotProcess, worker_environment
from workers.engines.visible_gpus import FIRST, seeing_only


@pytest.mark.parametrize(
    ("device", "environment", "expected"),
    [
        ("cuda:0", {}, "0"),
        ("cuda:3", {}, "3"),
        ("cuda:1", {"CUDA_VISIBLE_DEVICES": "5,7"}, "7"),
        ("cuda:0", {"CUDA_VISIBLE_DEVICES": "MIG-8a1c, MIG-9b2d"}, "MIG-8a1c"),
        ("cpu", {"CUDA_VISIBLE_DEVICES": "5,7"}, ""),
    ],
)
def test_a_worker_sees_the_gpu_of_its_slot_alone(
    device: str, environment: Mapping[str, str], expected: str
) -> None:
    assert seeing_only(device, environment)["CUDA_VISIBLE_DEVICES"] == expected


@pytest.mark.parametrize("shown", ["", "5"])
def test_a_gpu_that_is_not_shown_is_refused_in_words(shown: str) -> None:
    with pytest.raises(ValueError, match=f"WIDTHWISE_GPUS asks for GPU 1, .*{shown}.* lower"):
        seeing_only("cuda:1", {"CUDA_VISIBLE_DEVICES": shown})


@pytest.mark.parametrize("place", places(4, gpus=2), ids=lambda place: place.name)
def test_every_slots_worker_is_told_to_train_on_the_first_gpu(
    place: SlotProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recordings use the current device: a worker of cuda:1 would record nothing on cuda:0."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    told: list[tuple[list[str], Mapping[str, str]]] = []
    popen = subprocess.Popen

    def started(command: list[str], *, env: Mapping[str, str], **options: object) -> object:
        told.append((command, env))
        return popen([sys.executable, "-c", ""], env=dict(os.environ))

    monkeypatch.setattr(subprocess, "Popen", started)
    slot = SlotProcess(place.name, None, tmp_path, None, device=place.device)
    slot.spawn()
    slot.kill()
    ((command, environment),) = told
    assert json.loads(command[-1])["device"] == FIRST
    assert environment["CUDA_VISIBLE_DEVICES"] == place.device.removeprefix("cuda:")
    assert slot.device == place.device


def test_products_use_one_workspace_in_every_stream_of_a_gpu() -> None:
    assert worker_environment("cuda:0")["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"


def test_what_a_worker_compiles_is_found_by_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)
    found = worker_environment("cuda:0", tmp_path)["TORCHINDUCTOR_CACHE_DIR"]
    assert Path(found).parent == tmp_path
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "elsewhere")
    assert worker_environment("cuda:0", tmp_path)["TORCHINDUCTOR_CACHE_DIR"] == "elsewhere"
