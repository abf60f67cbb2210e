"""Traced gradients, kept for the next cohort of the same shape."""

import logging
from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

import torch
from torch import fx, nn

from workers.cohort.gradients import (
    GradientProgram,
    Loss,
    Stacked,
    gradient_function,
    traced,
    without_effects,
)
from workers.datasets.data import Batch

log = logging.getLogger(__name__)

MOST_KEPT: Final = 16


class Programs:
    """What one worker has traced and compiled, the latest used last."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, GradientProgram] = OrderedDict()

    def gradients(
        self,
        architecture: Hashable,
        model: nn.Module,
        loss: Loss,
        stacked: Stacked,
        batch: Batch,
        *,
        shared_batch: bool,
        compiled: bool,
    ) -> GradientProgram:
        """Gradients of a cohort of this shape.

        Args:
            architecture: everything beside the tensors' shapes that the model computes by.
            model: any of its trials'.

        """
        key = (architecture, type(model), loss, _signature(stacked, batch), shared_batch, compiled)
        if key not in self._kept:
            function = gradient_function(model, loss, shared_batch=shared_batch)
            graph = traced(function, stacked, batch)
            self._kept[key] = _compiled(graph, stacked, batch) if compiled else graph
        self._kept.move_to_end(key)
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return self._kept[key]


def _compiled(graph: fx.GraphModule, stacked: Stacked, batch: Batch) -> GradientProgram:
    """The compiled graph; the graph as it is where there is no compiler, or it fails."""
    program: GradientProgram = torch.compile(graph, dynamic=False)
    try:
        program(without_effects(stacked), batch)
    except Exception:
        log.warning("a cohort trains uncompiled", exc_info=True)
        return graph
    return program


def _signature(stacked: Stacked, batch: Batch) -> Hashable:
    tensors = [*stacked.parameters.items(), *stacked.buffers.items(), *batch._asdict().items()]
    return tuple((name, tensor.shape, tensor.dtype, tensor.device) for name, tensor in tensors)
