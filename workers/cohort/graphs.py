"""A step on fixed addresses, so that a GPU can replay it: one launch instead of hundreds.

What a CUDA graph has recorded reads and writes the same memory at every replay. So the arguments
of each call are copied into buffers first, and everything else that the step touches (parameters,
states, buffers of the model) has to be changed in place.
"""

import logging
from collections.abc import Callable
from typing import Final, TypeAlias

import torch
from torch import Tensor

from workers.device.out_of_memory import is_out_of_memory

log = logging.getLogger(__name__)

WARM_UP_STEPS: Final = 3
"""Taken before recording: libraries set themselves up in their first calls."""

Work: TypeAlias = Callable[[], Tensor]


class StaticStep:
    """A step that is taken as it is at first, and from recordings after that.

    Every call takes exactly one step: what is recorded is not run while it is recorded.

    Args:
        step: takes tensors of the same shapes at every call, and changes nothing but in place.
        record: makes of some work what repeats it on the same memory.
        beside: runs work that prepares a recording.

    """

    def __init__(
        self,
        step: Callable[..., Tensor],
        record: Callable[[Work], Work],
        beside: Callable[[Work], Tensor],
    ) -> None:
        self._step, self._record, self._beside = step, record, beside
        self._arguments: tuple[Tensor, ...] = ()
        self._replay: Work | None = None
        self._calls = 0

    def __call__(self, *arguments: Tensor) -> Tensor:
        """Take a step; the result is the caller's to keep.

        Raises:
            RuntimeError: if there is not memory enough, also for the recording.

        """
        if not self._arguments:
            self._arguments = tuple(argument.clone() for argument in arguments)
        for own, given in zip(self._arguments, arguments, strict=True):
            own.copy_(given, non_blocking=True)
        self._calls += 1
        if self._calls <= WARM_UP_STEPS:
            return self._beside(self._work).clone()
        if self._replay is None:
            self._replay = self._recorded()
        return self._replay().clone()

    def _work(self) -> Tensor:
        return self._step(*self._arguments)

    def _recorded(self) -> Work:
        """What repeats the step; the step itself where it cannot be recorded."""
        try:
            return self._record(self._work)
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise
            log.warning("a cohort trains without a CUDA graph: %s", error)
            return self._work


def cuda_graph(work: Work) -> Work:
    """The work as a graph, which launches all of its kernels at once.

    Raises:
        RuntimeError: if the work waits for the GPU, as some decompositions do.

    """
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        output = work()

    def replay() -> Tensor:
        graph.replay()
        return output

    return replay


def on_a_side_stream(work: Work) -> Tensor:
    """Done on a stream of its own, as recording asks for; whoever follows waits for it."""
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]  # torch's own
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        output = work()
    torch.cuda.current_stream().wait_stream(stream)
    return output
