"""Time training steps, and count the operations of one."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from workers.cohort.graphs import WARM_UP_STEPS

ROUNDS: Final = 5
"""Every way in turns, so that all meet the machine equally busy. A trial has 8 steps or more."""

Step = Callable[[], object]


def seconds_of(ways: Sequence[Step], device: torch.device) -> list[float]:
    """Median seconds of each once it runs as it will; on a CPU, of this process alone."""
    on_cpu = device.type == "cpu"
    taken: list[list[float]] = [[] for _ in ways]
    for way in ways:
        for _ in range(1 if on_cpu else WARM_UP_STEPS + 1):  # a GPU's graph is recorded last
            way()
    for _ in range(ROUNDS):
        for way, seconds in zip(ways, taken, strict=True):
            started = now(device)
            way()
            seconds.append(now(device) - started)
    return [statistics.median(seconds) for seconds in taken]


def now(device: torch.device) -> float:
    """Seconds of this process on a CPU; else on the clock, once the GPU has done its work."""
    if device.type == "cpu":
        return time.process_time()
    torch.cuda.synchronize(device)
    return time.perf_counter()


def operations_of(step: Step) -> int:
    """The number of kernels that the step starts, forwards and backwards; views start none."""
    counting = _Counting()  # type: ignore[no-untyped-call]  # torch's own
    with counting:
        step()
    return counting.operations


class _Counting(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's own
    operations = 0

    def __torch_dispatch__(
        self,
        func: Any,  # noqa: ANN401 - torch's own signature
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> object:
        self.operations += not func.is_view
        return func(*args, **(kwargs or {}))
