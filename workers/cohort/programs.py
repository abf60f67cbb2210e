"""Traced gradients and updates, kept for the next cohort of the same shape."""

import gc
import logging
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, fx, nn
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils import _pytree as pytree

from workers.cohort.gradients import (
    GradientOptions,
    Stacked,
    gradient_function,
    traced,
    without_effects,
)
from workers.cohort.waiting import waiting_operation
from workers.datasets.data import Batch
from workers.training.objective import Loss

log = logging.getLogger(__name__)

MOST_KEPT: Final = 32


@dataclass
class Program:
    """Traced operations, in the order in which they are done."""

    run: Callable[..., Any]
    waits_for: str | None
    """The reason that it cannot be recorded: an operation that waits for the device, or the error
    of a recording that failed. None if no reason is known."""

    def __call__(self, *arguments: Any) -> Any:  # noqa: ANN401 - the traced function's own
        return self.run(*arguments)

    def refuse(self, reason: str) -> None:
        """Never to be recorded again: a recording that fails costs more than it could save."""
        self.waits_for = reason


class Programs:
    """Traced and compiled programs of one worker, the most recently used last."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, Program] = OrderedDict()

    def gradients(  # noqa: PLR0913  # a program depends on all of them
        self,
        architecture: Hashable,
        model: nn.Module,
        loss: Loss,
        stacked: Stacked,
        batch: Batch,
        options: GradientOptions,
        *,
        compiled: bool,
        device_type: str | None = None,
    ) -> Program:
        """Gradients of a cohort of this shape, as a `GradientProgram`.

        Args:
            architecture: everything beside the tensors' shapes that the model computes by.
            model: any of its trials'.
            device_type: whose kernels to call; None for that of the tensors.

        """

        def build() -> Program:
            function = gradient_function(model, loss, options)
            graph = traced(function, stacked, batch, device_type)
            return _program(graph, (without_effects(stacked), batch), compiled=compiled)

        sort = (architecture, type(model), loss, options, compiled)
        return self._made(("gradients", sort, _signature((stacked, batch))), build)

    def updates(
        self,
        kinds: Hashable,
        function: Callable[..., Any],
        arguments: tuple[Any, ...],
        *,
        compiled: bool,
    ) -> Program:
        """An update of a cohort's tensors, which it changes in place.

        Args:
            kinds: everything beside the tensors' shapes that the function computes by.
            arguments: such as it will be called with; they are not changed.

        """

        def build() -> Program:
            graph = make_fx(function)(*_clones(arguments))
            return _program(graph, _clones(arguments), compiled=compiled)

        return self._made(("updates", kinds, compiled, _signature(arguments)), build)

    def _made(self, key: Hashable, build: Callable[[], Program]) -> Program:
        if key not in self._kept:
            self._kept[key] = build()
        self._kept.move_to_end(key)
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
            gc.unfreeze()  # or what was frozen after a probe would stay
        return self._kept[key]


def _program(graph: fx.GraphModule, arguments: tuple[Any, ...], *, compiled: bool) -> Program:
    run = _compiled(graph, arguments) if compiled else graph
    return Program(run, waits_for=waiting_operation(graph))


def _compiled(graph: fx.GraphModule, arguments: tuple[Any, ...]) -> Callable[..., Any]:
    """The compiled graph; the graph as it is where there is no compiler, or it fails."""
    program: Callable[..., Any] = torch.compile(graph, dynamic=False)
    try:
        program(*arguments)
    except Exception:
        log.warning("a cohort trains uncompiled", exc_info=True)
        return graph
    return program


def _clones(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    copies: tuple[Any, ...] = pytree.tree_map_only(Tensor, Tensor.clone, arguments)
    return copies


def _signature(arguments: tuple[Any, ...]) -> Hashable:
    tensors, structure = pytree.tree_flatten(arguments)
    return structure, tuple((one.shape, one.dtype, one.device) for one in tensors)
