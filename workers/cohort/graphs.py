"""A step on fixed addresses, so that a GPU can replay it: one launch instead of hundreds.

What a CUDA graph has recorded reads and writes the same memory at every replay. So the arguments
of each call are copied into buffers first, and everything else that the step touches (parameters,
states, buffers of the model) has to be changed in place.
"""

import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, NamedTuple, TypeAlias

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from workers.device.out_of_memory import is_out_of_memory

log = logging.getLogger(__name__)

WARM_UP_STEPS: Final = 3
"""Taken before recording: libraries set themselves up in their first calls."""
_EMPTY: Final = "CUDA Graph is empty"

Work: TypeAlias = Callable[[], Any]
"""Gives a tensor, or a nest of tensors."""


@dataclass(frozen=True)
class Recording:
    """Repeats some work on the same memory, which it holds until it is released."""

    replay: Work
    release: Callable[[], None]

    def __call__(self) -> Any:  # noqa: ANN401 - the work's own
        return self.replay()


class Recorder(NamedTuple):
    """Recorder of steps for one kind of device."""

    record: Callable[[Work], Work]
    """Makes of some work what repeats it; a `Recording` where that holds memory."""
    beside: Callable[[Work], Any]
    """Runs work that prepares a recording."""


class StaticStep:
    """A step that is taken as it is at first, and from recordings after that.

    Every call takes exactly one step: what is recorded is not run while it is recorded.

    Args:
        step: takes tensors of the same shapes at every call, and changes nothing but in place.
        record: makes of some work what repeats it on the same memory.
        beside: runs work that prepares a recording.
        refused: called with the reason where the work cannot be recorded.

    """

    def __init__(
        self,
        step: Callable[..., Any],
        record: Callable[[Work], Work],
        beside: Callable[[Work], Any],
        refused: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._step, self._record, self._beside = step, record, beside
        self._refused = refused
        self._arguments: tuple[Tensor, ...] = ()
        self._replay: Work | None = None
        self._calls = 0

    def __call__(self, *arguments: Tensor) -> Any:  # noqa: ANN401 - the step's own
        """Take a step; the result is the caller's to keep.

        Raises:
            RuntimeError: if there is not memory enough, also for the recording.

        """
        return pytree.tree_map_only(Tensor, Tensor.clone, self.take(*arguments))

    def take(self, *arguments: Tensor) -> Any:  # noqa: ANN401 - the step's own
        """Take a step; the next one may write over the result."""
        if not self._arguments:
            self._arguments = tuple(argument.clone() for argument in arguments)
        for own, given in zip(self._arguments, arguments, strict=True):
            own.copy_(given, non_blocking=True)
        self._calls += 1
        if self._calls <= WARM_UP_STEPS:
            return self._beside(self._work)
        if self._replay is None:
            self._replay = self._recorded()
        return self._replay()

    def close(self) -> None:
        """Free the recording's memory; the step is not taken again."""
        if isinstance(self._replay, Recording):
            self._replay.release()
        self._replay, self._arguments = None, ()

    def _work(self) -> Any:  # noqa: ANN401 - the step's own
        return self._step(*self._arguments)

    def _recorded(self) -> Work:
        """A replay of the step; the step itself where it cannot be recorded."""
        try:
            return self._record(self._work)
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise
            log.warning("a cohort trains without a CUDA graph: %s", error)
            self._refused(str(error))
            return self._work


def cuda_graph(work: Work) -> Recording:
    """The work as a graph, which launches all of its kernels at once.

    Raises:
        RuntimeError: if the work waits for the GPU, or does nothing on it.

    """
    graph, pool = torch.cuda.CUDAGraph(), torch.cuda.graph_pool_handle()
    torch.cuda.synchronize()
    torch.cuda.empty_cache()
    with warnings.catch_warnings(record=True) as said, torch.cuda.stream(_side_stream()):
        warnings.simplefilter("always")
        graph.capture_begin(pool)
        try:
            output = work()
        except BaseException:
            _abandon(graph, pool)
            raise
        graph.capture_end()
    if any(_EMPTY in str(one.message) for one in said):
        graph.reset()
        raise RuntimeError("nothing was recorded: the work is not done on the current device")

    def replay() -> Any:  # noqa: ANN401 - the work's own
        graph.replay()
        return output

    return Recording(replay, graph.reset)


def _abandon(graph: torch.cuda.CUDAGraph, pool: tuple[int, int]) -> None:
    """Leave the recording that failed, and the allocator as it was before.

    Where the end of a recording fails, torch leaves its allocator in the recording's pool.
    """
    try:
        graph.capture_end()
    except RuntimeError:
        torch._C._cuda_endAllocateToPool(torch.cuda.current_device(), pool)
    torch.cuda.synchronize()  # fails if it is the context that is gone


def on_a_side_stream(work: Work) -> Any:  # noqa: ANN401 - the work's own
    """Run work on another stream, as recording requires; the current stream waits for it."""
    stream = _side_stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        output = work()
    torch.cuda.current_stream().wait_stream(stream)
    return output


@cache
def _side_stream() -> torch.cuda.Stream:
    """One for all: libraries and the allocator keep memory for every stream that they have met."""
    return torch.cuda.Stream()  # type: ignore[no-untyped-call]  # torch's own


CUDA: Final = Recorder(cuda_graph, on_a_side_stream)


def recorder_of(device: torch.device) -> Recorder | None:
    """The device's recorder; None where recording gains nothing."""
    return CUDA if device.type == "cuda" else None
