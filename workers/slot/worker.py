"""Run a worker: one process that carries out orders from a pipe until its parent is gone.

`python -m workers.slot.worker SETTINGS`, started by `workers.engines.slot_process`. Orders come and
reports go as JSON. Only the standard library is imported up here: the ties to the parent are in
place before torch, which takes a second or more, is loaded.
"""

import faulthandler
import json
import os
import signal
import sys
import threading
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue

from workers.slot.process import (
    DEAD_CONTEXT_STATUS,
    follow_parent_into_death,
    give_way,
    loading,
    pin,
    settle_torch,
)


@dataclass(frozen=True)
class WorkerSettings:
    """Settings of a worker, passed on its command line as JSON."""

    slot: str
    """Name of the slot that it works for, so that a list of processes shows it."""
    connection_fd: int
    heartbeat_fd: int
    stall_fd: int
    """Descriptor that it writes its stack to at SIGUSR1."""
    parent_pid: int
    core: int | None
    checkpoint_dir: str
    memory_limit_bytes: int | None
    device: str = "cpu"
    """torch's name of the device that it trains on."""
    device_share: float = 1.0
    """Of a GPU's memory."""
    accelerator: str = ""
    """The owner's name for the kind of device."""
    dataset_dirs: tuple[str, ...] = ()
    """Directories that users' data may lie in."""


def main(arguments: str) -> None:
    """Work until the parent closes the pipe or dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process: the parent decides
    settings = WorkerSettings(**json.loads(arguments))
    follow_parent_into_death(settings.parent_pid)
    faulthandler.register(signal.SIGUSR1, file=settings.stall_fd)
    os.register_at_fork(after_in_child=partial(_become_a_mere_child, settings.connection_fd))
    connection: Connection[bytes, bytes] = Connection(settings.connection_fd)
    messages: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_listen, args=(connection, messages), daemon=True).start()
    pin(settings.core)
    if settings.device == "cpu":
        give_way()
    _work(settings, connection, messages)


def _become_a_mere_child(connection_fd: int) -> None:
    """A process that user code forks says nothing to the engine, and ends with the worker."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, connection_fd)
    os.close(nowhere)
    follow_parent_into_death(os.getppid())


def _listen(connection: "Connection[bytes, bytes]", messages: SimpleQueue[bytes]) -> None:
    """Pass messages on; end the process when there can be no more, in mid-training if need be."""
    try:
        while True:
            messages.put(connection.recv_bytes())
    finally:
        os._exit(0)


def _work(
    settings: WorkerSettings,
    connection: "Connection[bytes, bytes]",
    messages: SimpleQueue[bytes],
) -> None:
    with loading():
        import torch

        from tuner.data_files.places import Places
        from tuner.engine.reports import Failed, Lost
        from tuner.engine.tracing import (
            Handed,
            about,
            note_failure,
            send_spans,
            span,
            start_tracing,
        )
        from tuner.spec.submitted import STORED
        from workers.datasets.access import Access, allow
        from workers.device.heartbeat import Heartbeat, alive, beat_with, end_copies
        from workers.device.out_of_memory import data_bytes, limit_memory
        from workers.slot.orders import OpenCohort, carry_out

        settle_torch()
        # The first optimizer of a process loads torch's compiler, which takes seconds: do it now.
        torch.optim.SGD([torch.zeros(1)], lr=0.0)
        start_tracing("worker", os.environ)
    before = data_bytes()
    if settings.device != "cpu":
        from workers.device.gpu_memory import start_gpu

        start_gpu(settings.device, settings.device_share)
    if settings.memory_limit_bytes is not None:  # after the driver, which maps as it likes
        limit_memory(settings.memory_limit_bytes, beside_bytes=max(0, data_bytes() - before))
    checkpoint_dir = Path(settings.checkpoint_dir)
    kept = checkpoint_dir / "data"
    allow(Access(Places(settings.dataset_dirs, kept / "stores"), kept))
    heartbeat = Heartbeat(settings.heartbeat_fd)
    beat_with(heartbeat)
    heartbeat.beat()  # it is up: what goes wrong from here on is an order's doing
    cohort = OpenCohort(device=settings.device, accelerator=settings.accelerator)
    while True:
        given = Handed.model_validate_json(messages.get(), context=STORED)  # checked when submitted
        order = given.order
        alive()
        with span(f"{order.kind} order", about(order), parent=given.trace):
            for report in carry_out(order, cohort, checkpoint_dir):
                end_copies()
                connection.send_bytes(report.model_dump_json().encode())
                if isinstance(report, Failed | Lost):
                    note_failure(report.message)
        if isinstance(report, Lost):
            send_spans()
            os._exit(DEAD_CONTEXT_STATUS)


if __name__ == "__main__":
    main(sys.argv[1])
