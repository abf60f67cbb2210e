"""Losses and gradients of all trials of a cohort as one list of tensor operations.

`vmap(grad)` of any module is traced once: what runs afterwards is the recorded operations alone,
without the layers of dispatch that make `vmap` slow. Tracing takes tenths of a second where a
compiler takes half a minute.

Shape suffixes: N tensors of a group, K trials of the cohort.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, vmap
from torch.fx.experimental.proxy_tensor import make_fx

from parametrization.nn.layers import WithMultiplier
from workers.cohort.attention import FoldedAttention
from workers.cohort.norms import FusedNorms
from workers.cohort.simplify import simplified
from workers.datasets.data import Batch
from workers.training.objective import Loss

Tensors: TypeAlias = dict[str, Tensor]


class Stacked(NamedTuple):
    """The tensors in which a model's trials differ, by name, each [K, ...]."""

    parameters: Tensors
    buffers: Tensors
    multipliers: Tensors
    """[K], by the layer that multiplies."""


class Gradients(NamedTuple):
    """Gradients of every trial's own loss."""

    losses: Tensor
    """[K]."""
    by_name: Tensors
    """Contiguous, [K, ...]: torch's fused optimizers misread any other layout."""
    norms: Tensor | None
    """[K]: of all gradients of a trial together; None where the update computes them."""


class GroupedGradients(NamedTuple):
    """Gradients of every trial's own loss, stacked by groups of tensors that one update steps."""

    losses: Tensor
    """[K]."""
    stacks: list[Tensor]
    """[N, K, ...] by group: one copy each, where contiguous gradients and then a stack were two."""
    norms: Tensor | None
    """[K]: as `Gradients` has them."""


Groups: TypeAlias = tuple[tuple[str, ...], ...]
"""Names of the tensors of each group, all of one shape."""
GradientProgram: TypeAlias = Callable[[Stacked, Batch], Gradients | GroupedGradients]
"""Changes the buffers in place, nothing else."""


class GradientOptions(NamedTuple):
    """The choices that a program of gradients is traced for."""

    shared_batch: bool
    """Every trial sees the one batch; else batches are [K, ...]."""
    autocast: torch.dtype | None = None
    """Dtype of the matrix products; None for that of the tensors."""
    with_norms: bool = True
    groups: Groups | None = None
    """To stack them by, as `GroupedGradients`; None for `Gradients`."""


def gradient_function(model: nn.Module, loss: Loss, options: GradientOptions) -> GradientProgram:
    """Gradients of a cohort, not traced yet; `model` is any trial's, its tensors are not read."""
    shared_batch, autocast, with_norms, groups = options
    module = _Objective(model, loss)
    device = next(model.parameters()).device.type
    multiplying = layers_with_multiplier(model)

    def objective(
        parameters: Tensors, buffers: Tensors, multipliers: Tensors, batch: Batch
    ) -> Tensor:
        for name, multiplier in multipliers.items():
            vars(multiplying[name])["multiplier"] = multiplier
        with torch.autocast(device, dtype=autocast, enabled=autocast is not None):
            value: Tensor = functional_call(module, {**parameters, **buffers}, (batch,))
        return value

    mapped = vmap(
        grad_and_value(objective),
        in_dims=(0, 0, 0, None if shared_batch else 0),
        randomness="same",
    )

    def gradients(stacked: Stacked, batch: Batch) -> Gradients | GroupedGradients:
        kept = {name: layer.multiplier for name, layer in multiplying.items()}
        prefix = _Objective.prefix
        try:
            by_name, losses_K = mapped(
                {prefix + name: tensor for name, tensor in stacked.parameters.items()},
                {prefix + name: tensor for name, tensor in stacked.buffers.items()},
                stacked.multipliers,
                batch,
            )
        finally:
            for name, layer in multiplying.items():
                layer.multiplier = kept[name]
        if groups is not None:
            stacks = [_stack([by_name[prefix + name] for name in names]) for names in groups]
            norms_K = norms_of_stacks(stacks) if with_norms else None
            return GroupedGradients(losses_K, stacks, norms_K)
        ordered = {name: by_name[prefix + name].contiguous() for name in stacked.parameters}
        return Gradients(losses_K, ordered, norms(ordered) if with_norms else None)

    return gradients


def layers_with_multiplier(model: nn.Module) -> dict[str, WithMultiplier]:
    """Readouts of every kind, tied ones and routers too, and sums of branches, by name."""
    return {name: part for name, part in model.named_modules() if isinstance(part, WithMultiplier)}


def fixed_multipliers(model: nn.Module, stacked: Stacked) -> Iterator[float]:
    """Those that are the same in all trials, and part of what is traced."""
    for name, layer in layers_with_multiplier(model).items():
        if name not in stacked.multipliers:
            yield layer.multiplier


def traced(
    function: GradientProgram, stacked: Stacked, batch: Batch, device_type: str | None = None
) -> torch.fx.GraphModule:
    """The operations that `function` does, recorded on tensors of these shapes.

    The result is a function of the same arguments. Nothing given is changed.

    Args:
        device_type: whose kernels to call; None for that of the tensors.

    """
    with FoldedAttention(device_type), FusedNorms(device_type):
        return simplified(make_fx(function)(without_effects(stacked), batch))


def without_effects(stacked: Stacked) -> Stacked:
    """The same tensors with buffers of their own, for a call that must change nothing."""
    return stacked._replace(
        buffers={name: tensor.clone() for name, tensor in stacked.buffers.items()}
    )


def norms(tensors: Mapping[str, Tensor]) -> Tensor:
    """Norm of all of a trial's tensors together, [K]; never across trials."""
    parts_NK = torch.stack(
        [torch.linalg.vector_norm(tensor.flatten(1), dim=1) for tensor in tensors.values()]
    )
    total_K: Tensor = torch.linalg.vector_norm(parts_NK, dim=0)
    return total_K


def norms_of_stacks(stacks: Sequence[Tensor]) -> Tensor:
    """Norm of all of a trial's tensors together, [K]; never across trials.

    Args:
        stacks: [N, K, ...] of each group.

    """
    squares = [stack.flatten(2).square().sum((0, 2)) for stack in stacks]
    return torch.stack(squares).sum(0).sqrt()


def _stack(own: Sequence[Tensor]) -> Tensor:
    """[N, K, ...], contiguous; `cat`, whose kernel takes four dimensions, not `stack`."""
    if len(own) == 1:
        return own[0].contiguous().unsqueeze(0)
    return torch.cat(list(own)).view(len(own), *own[0].shape)


class _Objective(nn.Module):
    """The loss as a module, so that `functional_call` can swap the model's tensors."""

    prefix = "model."

    def __init__(self, model: nn.Module, loss: Loss) -> None:
        super().__init__()
        self.model = model
        self._loss = loss

    def forward(self, batch: Batch) -> Any:  # noqa: ANN401 - torch's own signature
        return self._loss(self.model, batch)
