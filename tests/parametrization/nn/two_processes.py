"""Two processes over gloo that hold shards of one model, and what the first of them stores."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from tests.patience import PATIENCE_SECONDS

ROOT = Path(__file__).resolve().parents[3]


def stored_by_two_processes(module: str, folder: Path, *arguments: str) -> dict[str, Any]:
    """The dictionary that a module's program stores with `joined` in both processes.

    Args:
        module: below this package.
        folder: empty, for the processes to meet in.
        arguments: of the program.

    """
    files = [str(folder / name) for name in ("rendezvous", "result.pt")]
    command = [sys.executable, "-m", f"{__package__}.{module}"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    workers = [
        subprocess.Popen([*command, str(rank), *files, *arguments], cwd=ROOT, env=environment)
        for rank in range(2)
    ]
    try:
        assert [worker.wait(timeout=PATIENCE_SECONDS) for worker in workers] == [0, 0]
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    stored: dict[str, Any] = torch.load(folder / "result.pt", weights_only=True)
    return stored


@contextmanager
def joined() -> Iterator[tuple[int, dict[str, Any]]]:
    """This program's rank as one of the two, and a dictionary, which rank 0 stores at the end."""
    rank, rendezvous, result = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=2)
    stored: dict[str, Any] = {}
    yield rank, stored
    if rank == 0:
        torch.save(stored, result)
    dist.destroy_process_group()
