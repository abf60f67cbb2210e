"""One slot of the Ray engine: its actor, the answers it owes, and the order it is busy with."""

import time
import uuid
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import ray
from ray.exceptions import RayError

from tuner.engine.orders import AnyOrder
from tuner.engine.reports import Done, Failed, Lost, Reached
from tuner.engine.software import Software, differences
from tuner.engine.tracing import handed
from workers.engines.ray_actor import Assignment, Introduction, News, SlotActor
from workers.engines.slot_process import RECENT_ORDERS, code_of, trials_of

PLACING: Final = "waits for a place in the Ray cluster"
RETRY_SECONDS: Final = 15.0
"""Pause before a slot that could not be used is tried again: its node may have been mended."""
_Reports = list[Reached | Done | Failed | Lost]


@dataclass
class RaySlot:
    """A slot for one order at a time, on the node that Ray chooses."""

    assignment: Assignment
    resources: dict[str, float]
    """Resources that the actor takes of its node: `num_cpus` or `num_gpus`."""
    ours: Software
    family: str
    """The beginning of its actors' names, by which the next engine ends them."""
    order: AnyOrder | None = None
    code: str | None = None
    """Version of the user's code that the worker runs; None if it runs none."""
    recent: deque[frozenset[tuple[str, int]]] = field(
        default_factory=partial(deque, maxlen=RECENT_ORDERS)
    )
    """Trials of the latest orders, which the worker may still have in memory."""
    problem: str | None = PLACING
    """Reason, in words, that the slot takes no order now; None if it takes one."""
    calls: dict[Any, Callable[[Any], _Reports]] = field(default_factory=dict)
    """Function to call with each answer that is still to come, by Ray's reference to the answer."""
    accelerator: str = ""
    """Kind of the node's devices; empty until there is a node, or if that declares none."""
    refused: bool = False
    """True if the latest actor could not be used; `problem` has the reason."""
    _actor: Any = None
    _is_placed: bool = False
    """True if the actor has introduced itself and may be used."""
    _retry_at: float = 0.0

    def place(self) -> None:
        """Ask Ray for a fresh actor; returns at once."""
        self.kill()
        name = f"{self.family}/{self.assignment.slot}/{uuid.uuid4().hex}"
        made = ray.remote(SlotActor).options(**self.resources, max_restarts=0, name=name)
        self._actor = made.remote(self.assignment.model_dump_json())
        self.problem = self.problem if self.refused else PLACING
        self.calls = {self._actor.introduce.remote(): self._introduced}

    def place_if_due(self) -> None:
        """Try again where the latest actor could not be used."""
        if self._actor is None and time.monotonic() >= self._retry_at:
            self.place()

    def holds(self, wanted: frozenset[tuple[str, int]]) -> int:
        """Number of these trials that the worker may have in memory."""
        return len(wanted & frozenset[tuple[str, int]]().union(*self.recent))

    def start(self, order: AnyOrder) -> None:
        """Send the order; if the actor is dying, its next answer is an error of Ray's."""
        self.order, self.code = order, code_of(order)
        self.calls[self._actor.start.remote(handed(order).model_dump_json())] = _nothing

    def answered(self, call: Any) -> _Reports:  # noqa: ANN401  Ray's references have no public type
        """Reports that follow from an answer; none if it belongs to an actor ended before."""
        then = self.calls.pop(call, None)
        if then is None:  # an answer before it was that of a dead actor
            return []
        try:
            return then(ray.get(call))
        except RayError as error:
            return self._after_death(error)

    def kill(self) -> None:
        """End the actor, and with it the worker, also in the middle of an order."""
        self.order, self.code = None, None
        self.recent.clear()
        self.calls, self._is_placed = {}, False
        if self._actor is not None:
            ray.kill(self._actor)
            self._actor = None

    def _introduced(self, text: str) -> _Reports:
        found = Introduction.model_validate_json(text, extra="ignore")
        problems = differences(self.ours, found.software)
        if problems:
            self._refuse(
                f"node {found.node} has other software than the coordinator"
                f" ({'; '.join(problems)}): install the same on every machine of the cluster"
            )
        elif not found.sees_checkpoints:
            self._refuse(
                f"node {found.node} does not see the coordinator's data directory"
                f" ({self.assignment.checkpoint_dir}): mount it there under the same path"
            )
        else:
            self.problem, self.refused, self._is_placed = None, False, True
            self.accelerator = found.accelerator
            self._listen()
        return []

    def _listen(self) -> None:
        self.calls[self._actor.news.remote()] = self._told

    def _told(self, text: str) -> _Reports:
        news = News.model_validate_json(text)
        self.problem = news.problem
        for report in news.reports:
            if not isinstance(report, Reached):
                if isinstance(report, Done):
                    self.recent.append(trials_of(self.order))
                else:  # its process is another one now, or has let go of what it held
                    self.recent.clear()
                self.order = None
        self._listen()
        return list(news.reports)

    def _after_death(self, error: RayError) -> _Reports:
        order, was_used = self.order, self._is_placed
        words = " ".join(str(error).split())
        if was_used:
            self.place()
        else:
            self._refuse(f"its actor did not start: {words}")
        if order is None:
            return []
        message = f"the actor of slot {self.assignment.slot} is gone: {words}"
        return [Lost(order_id=order.id, attempt=order.attempt, message=message)]

    def _refuse(self, problem: str) -> None:
        self.kill()
        self.problem, self.refused = problem, True
        self._retry_at = time.monotonic() + RETRY_SECONDS


def _nothing(_: object) -> _Reports:
    return []


def end_actors(family: str) -> None:
    """End every actor whose name begins with `family`, also those of an earlier engine."""
    for name in ray.util.list_named_actors():
        if name.startswith(f"{family}/"):
            with suppress(ValueError):  # it has ended meanwhile
                ray.kill(ray.get_actor(name))
