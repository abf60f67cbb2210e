"""The engine of one machine: a worker process per slot."""

import math
import time
from collections.abc import Iterator, Sequence
from itertools import cycle
from multiprocessing.connection import wait
from pathlib import Path
from typing import Final, NamedTuple

from tuner.data_files.places import absolute
from tuner.engine.orders import AnyOrder, OrderId
from tuner.engine.reports import Done, Failed, Lost, Reached
from tuner.engine.slots import Slot
from workers.device.out_of_memory import require_limit
from workers.engines.free_slots import best_free
from workers.engines.slot_process import SlotProcess
from workers.slot.process import available_cores

LOOK_SECONDS: Final = 1.0
"""Seconds between two checks for workers that stand still."""


class Place(NamedTuple):
    """Name and device of one slot, and its share of that device."""

    name: str
    device: str
    device_share: float
    """Share of a GPU's memory, in (0, 1]."""


def places(slots: int, gpus: int) -> list[Place]:
    """Places of that many slots, evenly spread over the GPUs; on the CPU if `gpus` is 0.

    >>> [place.name for place in places(3, gpus=2)]
    ['gpu0-0', 'gpu1-0', 'gpu0-1']

    """
    if not gpus:
        return [Place(f"cpu-{number}", "cpu", 1.0) for number in range(slots)]
    share = 1 / math.ceil(slots / gpus)
    return [
        Place(f"gpu{number % gpus}-{number // gpus}", f"cuda:{number % gpus}", share)
        for number in range(slots)
    ]


class LocalEngine:
    """Slots on this machine, each a process with one thread pinned to a core.

    The workers die with the thread that made the engine: make it, and use it, in one that lives
    as long as the process.

    Args:
        slots: number of orders that run at once; more slots than cores share the cores.
        checkpoint_dir: directory that trials are stored in; made when needed.
        memory_limit_bytes: of each worker, torch included; None for no limit.
        stall_seconds: longest time that an order may take no step for; None for no limit.
        gpus: number of GPUs that the slots are spread over evenly; 0 trains on the cores.
        dataset_dirs: directories, and prefixes of URLs, that users' data may be read from.

    Raises:
        ValueError: if there are no slots, or the limit leaves no room beside torch.

    """

    def __init__(
        self,
        slots: int,
        checkpoint_dir: Path,
        memory_limit_bytes: int | None = None,
        *,
        gpus: int = 0,
        dataset_dirs: Sequence[Path | str] = (),
        stall_seconds: float | None = None,
    ) -> None:
        if slots < 1:
            raise ValueError(f"slots must be at least 1, got {slots}")
        require_limit(memory_limit_bytes)
        self._slots = [
            SlotProcess(
                place.name,
                core,
                checkpoint_dir.absolute(),
                memory_limit_bytes,
                device=place.device,
                device_share=place.device_share,
                dataset_dirs=absolute(dataset_dirs),
            )
            for place, core in zip(places(slots, gpus), cycle(available_cores()), strict=False)
        ]
        self._stall_seconds = stall_seconds
        self._looked = time.monotonic()
        self._started: set[tuple[OrderId, int]] = set()
        for slot in self._slots:
            slot.spawn()

    def slots(self) -> tuple[Slot, ...]:
        """Every slot, busy or free."""
        return tuple(
            Slot(
                name=slot.name,
                device=slot.device,
                device_kind="cpu" if slot.device == "cpu" else "cuda",
                memory_bytes=slot.memory_limit_bytes,
                busy_with=slot.order.id if slot.order else None,
                problem=slot.problem,
            )
            for slot in self._slots
        )

    def start(self, order: AnyOrder) -> None:
        """Hand an order to a free slot, best to one that still holds its trials in memory.

        Raises:
            NoFreeSlot: if there is none.

        """
        if (order.id, order.attempt) in self._started:
            return
        best_free(self._slots, order).start(order)
        self._started.add((order.id, order.attempt))

    def cancel(self, order_id: OrderId) -> None:
        """End the process that runs the order, and start a fresh one in its slot."""
        for slot in self._slots:
            if slot.order is not None and slot.order.id == order_id:
                slot.kill()
                slot.spawn()

    def wait(self, timeout_seconds: float) -> list[Reached | Done | Failed | Lost]:
        """Reports since the last call, as soon as there is one, or [] after the timeout."""
        waiting = {slot.connection: slot for slot in self._slots if slot.connection is not None}
        ready = wait(list(waiting), timeout_seconds)
        reports = [
            report
            for connection, slot in waiting.items()
            if connection in ready
            for report in slot.receive()
        ]
        return [*reports, *self._stalled(), *self._standing_still()]

    def _standing_still(self) -> Iterator[Lost]:
        now = time.monotonic()
        if now - self._looked >= LOOK_SECONDS:
            self._looked = now
            for slot in self._slots:
                yield from slot.look()

    def _stalled(self) -> Iterator[Failed]:
        if self._stall_seconds is not None:
            for slot in self._slots:
                if report := slot.stalled(self._stall_seconds):
                    yield report

    def close(self) -> None:
        """End every process of the engine."""
        for slot in self._slots:
            slot.kill()
