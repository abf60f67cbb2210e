"""Norms over the last dimension of a whole cohort, each in torch's fused kernel.

Under `vmap` torch writes RMSNorm out, forwards and backwards, as a dozen passes over the
activations. The kernel normalises the rows of all trials alike; gains, which differ from
trial to trial, are applied after it. On a CPU, where passes are cheap and bits are promised, norms
stay as they are.

Shape suffixes: K trials of the cohort, R rows of all other dimensions but the last, D width.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx
from torch.nn import functional
from torch.overrides import TorchFunctionMode

Tensors: TypeAlias = tuple[Tensor, ...]
_aten: Final = torch.ops.aten
_TAKEN: Final = frozenset({torch.float32, torch.float64, torch.bfloat16, torch.float16})


class FusedNorms(TorchFunctionMode):
    """Inside, `rms_norm` and `layer_norm` over the last dimension call the fused kernels.

    Args:
        device_type: as if the tensors were there; None for where they are.

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
        """Replace the two norms where the kernels take them; leave everything else as it is."""
        options = dict(kwargs or {})
        if func is functional.rms_norm:
            taken = self._taken(*_named(_RMS, args, options))
        elif func is functional.layer_norm:
            taken = self._taken(*_named(_LAYER, args, options))
        else:
            return func(*args, **options)
        return func(*args, **options) if taken is None else taken

    def _taken(
        self,
        x: Tensor,
        shape: Sequence[int],
        gain: Tensor | None,
        bias: Tensor | None,
        epsilon: float | None,
        centred: bool,
    ) -> Tensor | None:
        """The norm by the fused kernel; None where it takes no such thing."""
        if (self._device_type or x.device.type) != "cuda" or len(shape) != 1:
            return None
        if centred and torch.is_autocast_enabled(x.device.type):  # as autocast does it
            x = x.float()
        if x.dtype not in _TAKEN or any(
            one is not None and one.dtype != x.dtype for one in (gain, bias)
        ):
            return None
        if (gain is None) != (bias is None) and centred:
            return None
        least = torch.finfo(x.dtype).eps if epsilon is None else epsilon
        return _normalise(x, gain, bias, least, centred)[0]


_RMS: Final = ("input", "normalized_shape", "weight", "eps")
_LAYER: Final = ("input", "normalized_shape", "weight", "bias", "eps")


def _named(
    names: Sequence[str], args: Sequence[Any], options: Mapping[str, Any]
) -> tuple[Any, ...]:
    """(x, shape, gain, bias, epsilon, centred) of a call of torch's."""
    given = dict(zip(names, args, strict=False)) | dict(options)
    centred = "bias" in names
    epsilon = given.get("eps", 1e-5 if centred else None)
    parts = (given.get("weight"), given.get("bias"), epsilon, centred)
    return given["input"], given["normalized_shape"], *parts


def _rows(x: Tensor, epsilon: float, centred: bool) -> Tensors:
    """Rows of mean square 1, and what was divided by; where centred, of mean 0, and the means."""
    x, shape = x.contiguous(), [x.shape[-1]]
    found: Tensors
    if centred:
        found = _aten.native_layer_norm.default(x, shape, None, None, epsilon)
    else:
        found = _aten._fused_rms_norm.default(x, shape, None, epsilon)
    return found


def _rows_backwards(gradient: Tensor, x: Tensor, statistics: Tensors) -> Tensor:
    gradient, x = gradient.contiguous(), x.contiguous()
    if len(statistics) == 1:
        return root_mean_square_backwards(gradient, x, *statistics)
    found: Tensor
    found, _, _ = _aten.native_layer_norm_backward.default(
        gradient, x, [x.shape[-1]], *statistics, None, None, [True, False, False]
    )
    return found


def root_mean_square_backwards(gradient: Tensor, x: Tensor, inverse: Tensor) -> Tensor:
    """Gradient of x, given those of x * inverse; torch has this kernel on GPUs alone."""
    found: Tensor
    found, _ = _aten._fused_rms_norm_backward.default(
        gradient, x, [x.shape[-1]], inverse, None, [True, False]
    )
    return found


def _forward(
    x: Tensor, gain: Tensor | None, bias: Tensor | None, epsilon: float, centred: bool
) -> Tensors:
    normal, *statistics = _rows(x, epsilon, centred)
    if gain is None:
        return normal, *statistics
    spread = _spread(gain, x)
    if bias is None:
        return normal * spread, *statistics
    return torch.addcmul(_spread(bias, x), normal, spread), *statistics


def _backward(gradient: Tensor, x: Tensor, gain: Tensor | None, statistics: Tensors) -> Tensors:
    """Gradients of x, and with a gain of it and of a bias, should there be one."""
    if gain is None:
        return (_rows_backwards(gradient, x, statistics),)
    found = _rows_backwards(gradient * _spread(gain, x), x, statistics)
    normal = x * statistics[-1] if len(statistics) == 1 else (x - statistics[0]) * statistics[1]
    over = list(range(gain.dim() - 1, x.dim() - 1))
    gains = (gradient * normal).sum(over)
    return (found, gains) if len(statistics) == 1 else (found, gains, gradient.sum(over))


def _spread(gain: Tensor, x: Tensor) -> Tensor:
    """[D] as it is, [K, D] with dimensions for the rows of a trial."""
    return gain if gain.dim() == 1 else gain.view(-1, *[1] * (x.dim() - 2), gain.shape[-1])


class _Norm(torch.autograd.Function):
    """(x, gain, bias, epsilon, centred) -> output, and the statistics of its rows."""

    @staticmethod
    def forward(
        x: Tensor, gain: Tensor | None, bias: Tensor | None, epsilon: float, centred: bool
    ) -> Tensors:
        return _forward(x, gain, bias, epsilon, centred)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensors) -> None:  # noqa: ANN401
        x, gain, *_ = inputs
        ctx.mark_non_differentiable(*output[1:])
        ctx.save_for_backward(x, *([] if gain is None else [gain]), *output[1:])
        ctx.has_gain = gain is not None

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        found = _differentiate(ctx.has_gain, gradient, *ctx.saved_tensors)
        return (*found, *(None,) * (3 - len(found)), None, None)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *inputs: Any) -> Any:  # noqa: ANN401
        x, gain, bias = _of_trials(info.batch_size, in_dims[:3], inputs[:3])
        found = _forward(x, gain, bias, *inputs[3:])
        return found, (0,) * len(found)


class _NormGradient(torch.autograd.Function):
    """(whether there is a gain, output's gradient, what was saved) -> the gradients."""

    @staticmethod
    def forward(has_gain: bool, gradient: Tensor, x: Tensor, *saved: Tensor) -> Tensors:
        gain, statistics = (saved[0], saved[1:]) if has_gain else (None, saved)
        return _backward(gradient, x, gain, statistics)

    @staticmethod
    def setup_context(ctx: FunctionCtx, inputs: tuple[Any, ...], output: tuple[Any, ...]) -> None:
        pass  # no second derivatives are taken

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *inputs: Any) -> Any:  # noqa: ANN401
        has_gain, *tensors = inputs
        own = _of_trials(info.batch_size, in_dims[1:], tensors)
        found = _NormGradient.forward(has_gain, *own)
        return found, (0,) * len(found)


def _of_trials(
    trials: int, in_dims: Sequence[int | None], tensors: Sequence[Tensor | None]
) -> list[Any]:
    """The dimension of the trials first, also where all share a tensor."""
    return [
        tensor
        if tensor is None
        else tensor.expand(trials, *tensor.shape)
        if axis is None
        else tensor.movedim(axis, 0)
        for tensor, axis in zip(tensors, in_dims, strict=True)
    ]


# torch ships `apply` without annotations.
_normalise: Final[Callable[..., Tensors]] = _Norm.apply
_differentiate: Final[Callable[..., Tensors]] = _NormGradient.apply
