"""Attention of a whole cohort in one kernel: the trials become part of the batch.

Under `vmap` torch's attention on the CPU runs trial by trial forwards, and backwards not at all.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode

_FORWARD: Final = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu.default
_BACKWARD: Final = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward.default
_HEADS: Final = 4  # dimensions of queries, keys and values: batch, head, position, head size


class FoldedAttention(TorchFunctionMode):
    """Inside, attention that has no mask and no dropout folds the trials into the batch.

    Other attention is written out as matrix products, which `vmap` knows how to batch.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> object:
        """Replace `scaled_dot_product_attention`; leave everything else as it is."""
        options = dict(kwargs or {})
        if func is not functional.scaled_dot_product_attention:
            return func(*args, **options)
        causal = options.get("is_causal", False)
        query, key, value = args[:3]
        if len(args) == 3 and options.keys() <= {"is_causal"} and _has_a_kernel(query, key, value):
            return _attend(query, key, value, causal)[0]
        with sdpa_kernel(SDPBackend.MATH):
            return func(*args, **options)


def _has_a_kernel(*tensors: Tensor) -> bool:
    return all(tensor.device.type == "cpu" and tensor.dim() == _HEADS for tensor in tensors)


class _Attention(torch.autograd.Function):
    """(query, key, value, causal) -> (output, log-sum-exp of the logits)."""

    @staticmethod
    def forward(query: Tensor, key: Tensor, value: Tensor, causal: bool) -> tuple[Tensor, Tensor]:
        output, log_sum = _FORWARD(query, key, value, 0.0, causal)
        return output, log_sum

    @staticmethod
    def setup_context(
        ctx: FunctionCtx,
        inputs: tuple[Tensor, Tensor, Tensor, bool],
        output: tuple[Tensor, Tensor],
    ) -> None:
        *tensors, causal = inputs
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(*tensors, *output)
        ctx.causal = causal  # type: ignore[attr-defined]  # torch's own way of passing it on

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        found = _attend_backwards(gradient, *ctx.saved_tensors, ctx.causal)
        return (*found, None)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *inputs: Any) -> Any:  # noqa: ANN401
        *tensors, causal = inputs
        folded = _fold(info.batch_size, in_dims, tensors)
        return _unfold(info.batch_size, _attend(*folded, causal))


class _AttentionGradient(torch.autograd.Function):
    """(output's gradient, query, key, value, output, log-sum-exp, causal) -> three gradients."""

    @staticmethod
    def forward(*inputs: Any) -> tuple[Tensor, Tensor, Tensor]:  # noqa: ANN401
        *tensors, causal = inputs
        query, key, value = _BACKWARD(*tensors, 0.0, causal)
        return query, key, value

    @staticmethod
    def setup_context(ctx: FunctionCtx, inputs: tuple[Any, ...], output: tuple[Any, ...]) -> None:
        pass  # nobody differentiates twice

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *inputs: Any) -> Any:  # noqa: ANN401
        *tensors, causal = inputs
        folded = _fold(info.batch_size, in_dims, tensors)
        return _unfold(info.batch_size, _attend_backwards(*folded, causal))


def _fold(trials: int, in_dims: tuple[int | None, ...], tensors: list[Tensor]) -> list[Tensor]:
    """The dimension of the trials, wherever it is, merged into the batch's."""
    return [
        (tensor.expand(trials, *tensor.shape) if axis is None else tensor.movedim(axis, 0)).flatten(
            0, 1
        )
        for tensor, axis in zip(tensors, in_dims, strict=False)
    ]


def _unfold(trials: int, tensors: tuple[Tensor, ...]) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
    unfolded = tuple(
        tensor.view(trials, tensor.shape[0] // trials, *tensor.shape[1:]) for tensor in tensors
    )
    return unfolded, (0,) * len(unfolded)


# torch ships `apply` without annotations.
_attend: Final[Callable[..., tuple[Tensor, Tensor]]] = _Attention.apply
_attend_backwards: Final[Callable[..., tuple[Tensor, Tensor, Tensor]]] = _AttentionGradient.apply
