"""The actor of one slot on a Ray cluster: owns the slot's worker process and passes on its reports.

The worker is the program that the local engine starts, so that an order trains alike on both, and a
user's code never runs in a process of Ray's. It dies with the actor, and the actor with its node's
raylet: Ray itself does not notice the end of a raylet that is still a zombie process, and the actor
would train on for a coordinator that has long given it up.
"""

import asyncio
import platform
from contextlib import suppress
from pathlib import Path
from typing import Final

import ray

from parametrization.recommendation.record import Record
from tuner.engine.reports import Done, Failed, Lost, Reached, Report
from tuner.engine.software import Software, installed_software
from tuner.engine.tracing import Handed
from tuner.spec.submitted import STORED
from workers.engines.slot_process import SlotProcess
from workers.slot.process import end_once_orphaned

LOOK_SECONDS: Final = 1.0
"""Seconds between two checks of a worker that reports nothing, as it may stand still."""


class Assignment(Record):
    """Settings that an actor is made with, as JSON: its code may be another version's."""

    slot: str
    device: str
    """torch's name of the device in the actor's process, which sees its own GPU alone."""
    device_share: float
    """Share of a GPU's memory, in (0, 1]."""
    checkpoint_dir: str
    mark: str
    """Random text that the engine has written to MARK_FILE in its checkpoint directory."""
    memory_limit_bytes: int | None
    dataset_dirs: tuple[str, ...]
    stall_seconds: float | None


class Introduction(Record):
    """Facts of an actor and its node, sent before it is given an order."""

    software: Software
    node: str
    sees_checkpoints: bool
    """True if the actor reads the engine's mark: both have the same checkpoint directory."""
    accelerator: str = ""
    """Kind of the node's devices; empty if the node declares none."""


class News(Record):
    """New reports of an actor, and the state of its slot."""

    reports: tuple[Report, ...]
    problem: str | None
    """Reason, in words, that the slot takes no order now; None if it takes one."""


MARK_FILE: Final = ".ray-engine"
_ACCELERATOR: Final = "accelerator_type:"
"""Prefix of the resource that names the kind of a node's devices: Ray adds one to nodes with GPUs;
a node without may be started with one."""


def declared_accelerator() -> str:
    """Kind of this node's devices; empty if it declares none."""
    own = ray.get_runtime_context().get_node_id()
    nodes = ray.nodes()  # type: ignore[no-untyped-call]  # Ray's own
    declared = next(node["Resources"] for node in nodes if node["NodeID"] == own)
    kinds = (name.removeprefix(_ACCELERATOR) for name in declared if name.startswith(_ACCELERATOR))
    return ", ".join(sorted(kinds))


class SlotActor:
    """Runs one order at a time; every method answers as JSON.

    Args:
        text: an `Assignment` as JSON.

    """

    def __init__(self, text: str) -> None:
        end_once_orphaned()
        self._told = Assignment.model_validate_json(text, extra="ignore")
        self._slot = SlotProcess(
            self._told.slot,
            None,  # which cores are free on this machine is not known here
            Path(self._told.checkpoint_dir),
            self._told.memory_limit_bytes,
            device=self._told.device,
            device_share=self._told.device_share,
            accelerator=declared_accelerator(),
            dataset_dirs=self._told.dataset_dirs,
        )
        self._news = asyncio.Event()
        self._told_problem: str | None = None

    async def introduce(self) -> str:
        """The actor's `Introduction`; starts the worker if it has the engine's checkpoints."""
        mark = ""
        with suppress(OSError):
            mark = (Path(self._told.checkpoint_dir) / MARK_FILE).read_text()
        sees_checkpoints = mark == self._told.mark
        if sees_checkpoints:
            self._slot.spawn()
        return Introduction(
            software=installed_software(),
            node=platform.node(),
            sees_checkpoints=sees_checkpoints,
            accelerator=self._slot.accelerator,
        ).model_dump_json()

    async def start(self, text: str) -> None:
        """Hand an order to the worker."""
        given = Handed.model_validate_json(text, context=STORED)
        self._slot.start(given.order, given.trace)
        self._news.set()  # its process, and with it the pipe, may be another one now

    async def news(self) -> str:
        """The next `News`: waits until there is a report, or the slot's problem has changed."""
        while not (found := self._found()) and self._slot.problem == self._told_problem:
            await self._look()
        self._told_problem = self._slot.problem
        return News(reports=tuple(found), problem=self._told_problem).model_dump_json()

    def _found(self) -> list[Reached | Done | Failed | Lost]:
        reports = self._slot.receive()
        limit = self._told.stall_seconds
        stalled = self._slot.stalled(limit) if limit is not None else None
        return [*reports, *([stalled] if stalled else ()), *self._slot.look()]

    async def _look(self) -> None:
        """Wait until the worker has sent something, or LOOK_SECONDS have passed."""
        self._news.clear()
        loop = asyncio.get_running_loop()
        watched = self._slot.connection.fileno() if self._slot.connection else None
        if watched is not None:
            loop.add_reader(watched, self._news.set)
        try:
            await asyncio.wait_for(self._news.wait(), LOOK_SECONDS)
        except TimeoutError:
            return
        finally:
            if watched is not None:
                loop.remove_reader(watched)
