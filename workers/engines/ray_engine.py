"""The engine of a Ray cluster: an actor per slot, on the node that Ray chooses."""

import hashlib
import logging
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import ray

from tuner.data_files.places import absolute
from tuner.engine.orders import AnyOrder, OrderId
from tuner.engine.reports import Done, Failed, Lost, Reached
from tuner.engine.slots import Slot
from tuner.engine.software import installed_software
from workers.device.out_of_memory import require_limit
from workers.engines.free_slots import best_free
from workers.engines.ray_actor import MARK_FILE, Assignment
from workers.engines.ray_cluster import ClusterUnfit
from workers.engines.ray_slot import RaySlot, end_actors
from workers.engines.visible_gpus import FIRST

GROW_SECONDS: Final = 2.0
"""Seconds between two looks for cores that have joined the cluster."""

log = logging.getLogger(__name__)


class RayEngine:
    """Slots on the machines of a Ray cluster that this process has joined.

    Ray places the actors, notices that a node has died and finds another place; nothing of that is
    done here. The actors end with the process that made the engine, and when the next engine of the
    same checkpoints is made: a coordinator that stands still would keep all cores from the one that
    has taken over.

    Args:
        checkpoint_dir: directory that trials are stored in; every node sees it at this path.
        memory_limit_bytes: of each worker, torch included; None for no limit.
        slots: number of orders that run at once, on a core each; None for one per core of the
            cluster, cores that join later included. Not read if `gpus` is not 0.
        gpus: number of the cluster's GPUs to train on, instead of the cores; those that are not
            there yet are waited for.
        slots_per_gpu: slots that share a GPU, each with its part of the memory.
        dataset_dirs: directories, and prefixes of URLs, that users' data may be read from.
        stall_seconds: longest time that an order may take no step for; None for no limit.

    Raises:
        ValueError: if there are no slots, or the limit leaves no room beside torch.

    """

    def __init__(
        self,
        checkpoint_dir: Path,
        memory_limit_bytes: int | None = None,
        *,
        slots: int | None = None,
        gpus: int = 0,
        slots_per_gpu: int = 1,
        dataset_dirs: Sequence[Path | str] = (),
        stall_seconds: float | None = None,
    ) -> None:
        if slots is not None and slots < 1:
            raise ValueError(f"slots must be at least 1, got {slots}")
        require_limit(memory_limit_bytes)
        share = 1 / slots_per_gpu if gpus else 1.0
        self._wanted = gpus * slots_per_gpu if gpus else slots
        self._resources = {"num_gpus": share} if gpus else {"num_cpus": 1.0}
        self._template = Assignment(
            slot="",
            device=FIRST if gpus else "cpu",
            device_share=share,
            checkpoint_dir=str(checkpoint_dir.absolute()),
            mark=uuid.uuid4().hex,
            memory_limit_bytes=memory_limit_bytes,
            dataset_dirs=absolute(dataset_dirs),
            stall_seconds=stall_seconds,
        )
        place = str(checkpoint_dir.absolute()).encode()
        self._family = f"widthwise-{hashlib.sha256(place).hexdigest()[:16]}"
        end_actors(self._family)
        checkpoint_dir.mkdir(parents=True, exist_ok=True)
        (checkpoint_dir / MARK_FILE).write_text(self._template.mark)
        self._software = installed_software()
        self._slots: list[RaySlot] = []
        self._started: set[tuple[OrderId, int]] = set()
        self._told: set[str] = set()
        self._grow_at = 0.0
        self._grow()

    def slots(self) -> tuple[Slot, ...]:
        """Every slot that was asked for; the problem of one without a node is that it waits."""
        return tuple(
            Slot(
                name=slot.assignment.slot,
                device=slot.assignment.device,
                device_kind="cpu" if slot.assignment.device == "cpu" else "cuda",
                accelerator=slot.accelerator,
                memory_bytes=slot.assignment.memory_limit_bytes,
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
        """End the actor that runs the order, and ask for a fresh one."""
        for slot in self._slots:
            if slot.order is not None and slot.order.id == order_id:
                slot.place()

    def wait(self, timeout_seconds: float) -> list[Reached | Done | Failed | Lost]:
        """Reports since the last call, as soon as there is one, or [] after the timeout.

        Raises:
            ClusterUnfit: if every slot was refused, with the reasons.

        """
        deadline = time.monotonic() + timeout_seconds
        while True:
            self._grow()
            left = deadline - time.monotonic()
            reports = self._answers(max(0.0, left))
            self._tell_problems()
            if reports or time.monotonic() >= deadline:
                return reports

    def close(self) -> None:
        """End every actor of the engine."""
        for slot in self._slots:
            slot.kill()
        self._slots = []

    def _answers(self, timeout_seconds: float) -> list[Reached | Done | Failed | Lost]:
        asked = {call: slot for slot in self._slots for call in slot.calls}
        patience = min(timeout_seconds, GROW_SECONDS)
        if not asked:
            time.sleep(patience)
            return []
        ready, _ = ray.wait(list(asked), timeout=patience)
        if ready and len(asked) > 1:
            ready, _ = ray.wait(list(asked), num_returns=len(asked), timeout=0)
        return [report for call in ready for report in asked[call].answered(call)]

    def _grow(self) -> None:
        """Ask for the slots that are wanted now, and again for those that could not be used."""
        if time.monotonic() < self._grow_at:
            return
        self._grow_at = time.monotonic() + GROW_SECONDS
        for slot in self._slots:
            slot.place_if_due()
        wanted = self._wanted or _cores()
        for number in range(len(self._slots), wanted):
            told = self._template.model_copy(update={"slot": f"ray-{number}"})
            slot = RaySlot(told, self._resources, self._software, self._family)
            slot.place()
            self._slots.append(slot)

    def _tell_problems(self) -> None:
        refused = {
            f"slot {one.assignment.slot}: {one.problem}" for one in self._slots if one.refused
        }
        for words in sorted(refused - self._told):
            log.error(words)
        self._told = refused
        if refused and len(refused) == len(self._slots):
            raise ClusterUnfit(
                "no slot of the Ray cluster can be used:\n" + "\n".join(sorted(refused))
            )


def _cores() -> int:
    """Number of cores of all living nodes of the cluster."""
    found: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return int(found.get("CPU", 0))
