"""Attention of a whole cohort in one kernel: the trials become part of the batch.

Under `vmap` torch's attention runs trial by trial, on a CPU forwards and everywhere backwards, or
is written out with all logits in memory.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode

_HEADS: Final = 4  # dimensions of queries, keys and values: batch, head, position, head size
_PLAIN_OPTIONS: Final = frozenset({"attn_mask", "dropout_p", "is_causal", "scale"})
_LARGEST_HEAD: Final = 256
Tensors: TypeAlias = tuple[Tensor, ...]


class Kernel(NamedTuple):
    """One of torch's own attention kernels, forwards and backwards."""

    device_type: str
    dtypes: frozenset[torch.dtype] | None
    """None for all."""
    head_multiple: int
    """Of which head sizes have to be multiples, for loads of 16 bytes."""
    forward: Callable[[Tensor, Tensor, Tensor, bool, float | None], Tensors]
    """(query, key, value, causal, scale) -> output, log-sum-exp of the logits, and what belongs to
    no trial."""
    backward: Callable[[Tensors, Tensors, bool, float | None], Tensors]
    """(gradient, query, key, value, output and log-sum-exp; what belongs to no trial; causal,
    scale) -> three gradients."""

    def takes(self, query: Tensor, key: Tensor, value: Tensor, *, causal: bool) -> bool:
        """True if the kernel can compute this attention."""
        tensors = (query, key, value)
        if any(one.dim() != _HEADS or one.dtype != query.dtype for one in tensors):
            return False
        if self.dtypes is None:
            return True
        sizes, lengths = {one.shape[-1] for one in tensors}, {one.shape[-2] for one in tensors}
        fits = len(sizes) == 1 and not query.shape[-1] % self.head_multiple
        small = query.shape[-1] <= _LARGEST_HEAD
        return query.dtype in self.dtypes and fits and small and not (causal and len(lengths) > 1)


_aten: Final = torch.ops.aten


def _cpu_forward(
    query: Tensor, key: Tensor, value: Tensor, causal: bool, scale: float | None
) -> Tensors:
    found: Tensors = _aten._scaled_dot_product_flash_attention_for_cpu.default(
        query, key, value, 0.0, causal, scale=scale
    )
    return found


def _cpu_backward(own: Tensors, _: Tensors, causal: bool, scale: float | None) -> Tensors:
    found: Tensors = _aten._scaled_dot_product_flash_attention_for_cpu_backward.default(
        *own, 0.0, causal, scale=scale
    )
    return found


def _flash_forward(
    query: Tensor, key: Tensor, value: Tensor, causal: bool, scale: float | None
) -> Tensors:
    output, log_sum, _, _, _, _, seed, offset, _ = (
        _aten._scaled_dot_product_flash_attention.default(
            *map(_by_rows, (query, key, value)), 0.0, causal, False, scale=scale
        )
    )
    return output, log_sum, seed, offset


def _flash_backward(own: Tensors, shared: Tensors, causal: bool, scale: float | None) -> Tensors:
    gradient, query, key, value, output, log_sum = map(_by_rows, own)
    lengths = query.shape[-2], key.shape[-2]
    tensors = (gradient, query, key, value, output, log_sum)
    found: Tensors = _aten._scaled_dot_product_flash_attention_backward.default(
        *tensors, None, None, *lengths, 0.0, causal, *shared, scale=scale
    )
    return found


def _efficient_forward(
    query: Tensor, key: Tensor, value: Tensor, causal: bool, scale: float | None
) -> Tensors:
    found: Tensors = _aten._scaled_dot_product_efficient_attention.default(
        *map(_by_rows, (query, key, value)), None, True, 0.0, causal, scale=scale
    )
    return found


def _efficient_backward(
    own: Tensors, shared: Tensors, causal: bool, scale: float | None
) -> Tensors:
    gradient, query, key, value, output, log_sum = map(_by_rows, own)
    wanted = [True, True, True, False]
    *found, _ = _aten._scaled_dot_product_efficient_attention_backward.default(
        *(gradient, query, key, value, None, output, log_sum),
        *shared,
        0.0,
        wanted,
        causal,
        scale=scale,
    )
    return tuple(found)


def _by_rows(tensor: Tensor) -> Tensor:
    """Entries of a row side by side, as the kernels of a GPU ask for."""
    return tensor if tensor.stride(-1) == 1 else tensor.contiguous()


_HALF: Final = frozenset({torch.bfloat16, torch.float16})
_SINGLE: Final = frozenset({torch.float32})
KERNELS: Final = (
    Kernel("cpu", None, 1, _cpu_forward, _cpu_backward),
    Kernel("cuda", _HALF, 8, _flash_forward, _flash_backward),
    Kernel("cuda", _SINGLE, 4, _efficient_forward, _efficient_backward),
)
"""The first that takes what is asked computes it."""


class FoldedAttention(TorchFunctionMode):
    """Inside, attention that has no mask and no dropout folds the trials into the batch.

    Other attention is written out as matrix products, which `vmap` knows how to batch.

    Args:
        device_type: whose kernels to call; None for that of the tensors.

    """

    def __init__(self, device_type: str | None = None) -> None:
        super().__init__()
        self._device_type = device_type

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
        if len(args) == 3 and _is_plain(options):
            causal, scale = options.get("is_causal", False), options.get("scale")
            tensors = tuple(map(_as_autocast, args))
            number = self._kernel(*tensors, causal=causal)
            if number is not None:
                return _attend(*tensors, number, causal, scale)[0]
        with sdpa_kernel(SDPBackend.MATH):
            return func(*args, **options)

    def _kernel(self, query: Tensor, key: Tensor, value: Tensor, *, causal: bool) -> int | None:
        kind = self._device_type or query.device.type
        for number, kernel in enumerate(KERNELS):
            if kernel.device_type == kind and kernel.takes(query, key, value, causal=causal):
                return number
        return None


def _is_plain(options: Mapping[str, Any]) -> bool:
    """No mask, no dropout, no groups of heads."""
    masked = options.get("attn_mask") is not None
    return options.keys() <= _PLAIN_OPTIONS and not masked and options.get("dropout_p", 0.0) == 0


def _as_autocast(tensor: Tensor) -> Tensor:
    """In the dtype that autocast gives attention of trials alone, if it is on."""
    kind = tensor.device.type
    if tensor.dtype is torch.float64 or not torch.is_autocast_enabled(kind):
        return tensor
    return tensor.to(torch.get_autocast_dtype(kind))


_OWN: Final = 2
"""Of what a kernel gives forwards, how many tensors have a trial's dimension."""


class _Attention(torch.autograd.Function):
    """(query, key, value, kernel, causal, scale) -> output and what its gradient asks for."""

    @staticmethod
    def forward(
        query: Tensor, key: Tensor, value: Tensor, kernel: int, causal: bool, scale: float | None
    ) -> Tensors:
        return KERNELS[kernel].forward(query, key, value, causal, scale)

    @staticmethod
    def setup_context(ctx: FunctionCtx, inputs: tuple[Any, ...], output: Tensors) -> None:
        ctx.mark_non_differentiable(*output[1:])
        ctx.save_for_backward(*inputs[:3], *output)
        ctx.options = inputs[3:]  # type: ignore[attr-defined]  # torch's own way of passing it on

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        found = _attend_backwards(*ctx.options, gradient, *ctx.saved_tensors)
        return (*found, None, None, None)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *inputs: Any) -> Any:  # noqa: ANN401
        tensors, options = inputs[:3], inputs[3:]
        found = _attend(*_fold(info.batch_size, in_dims, tensors), *options)
        own = _unfold(info.batch_size, found[:_OWN])
        return (*own, *found[_OWN:]), (*(0,) * len(own), *(None,) * (len(found) - _OWN))


class _AttentionGradient(torch.autograd.Function):
    """(kernel, causal, scale, output's gradient, what was saved) -> three gradients."""

    @staticmethod
    def forward(kernel: int, causal: bool, scale: float | None, *tensors: Tensor) -> Tensors:
        return KERNELS[kernel].backward(tensors[:6], tensors[6:], causal, scale)

    @staticmethod
    def setup_context(ctx: FunctionCtx, inputs: tuple[Any, ...], output: tuple[Any, ...]) -> None:
        pass  # no second derivatives are taken

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *inputs: Any) -> Any:  # noqa: ANN401
        options, tensors = inputs[:3], inputs[3:]
        folded = _fold(info.batch_size, in_dims[3:9], tensors[:6])
        found = _unfold(info.batch_size, _attend_backwards(*options, *folded, *tensors[6:]))
        return found, (0,) * len(found)


def _fold(trials: int, in_dims: Sequence[int | None], tensors: Sequence[Tensor]) -> list[Tensor]:
    """The dimension of the trials, wherever it is, merged into the batch's."""
    return [
        (tensor.expand(trials, *tensor.shape) if axis is None else tensor.movedim(axis, 0)).flatten(
            0, 1
        )
        for tensor, axis in zip(tensors, in_dims, strict=False)
    ]


def _unfold(trials: int, tensors: Tensors) -> Tensors:
    return tuple(
        tensor.view(trials, tensor.shape[0] // trials, *tensor.shape[1:]) for tensor in tensors
    )


# torch ships `apply` without annotations.
_attend: Final[Callable[..., Tensors]] = _Attention.apply
_attend_backwards: Final[Callable[..., Tensors]] = _AttentionGradient.apply
