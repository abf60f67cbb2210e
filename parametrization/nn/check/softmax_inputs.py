"""Measure how large the inputs of a model's softmaxes are, and can become, at its first step.

Attention's logits are products of queries and keys, which training aligns: their reach is head
size times the sizes of the two times every factor on the way to the softmax, in any implementation
of attention. The logits that the loss reads are measured directly.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any, Final

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

aten = torch.ops.aten
_PRODUCTS: Final = (aten.bmm, aten.mm, aten.baddbmm, aten.addmm)
_FACTORS: Final = (aten.mul, aten.mul_, aten.div, aten.div_)
_SOFTMAXES: Final = (aten._softmax, aten._safe_softmax, aten.exp, aten.exp_)
_LOSSES: Final = (aten._log_softmax, aten.binary_cross_entropy_with_logits)
_KEEPING: Final = frozenset(
    {
        *(aten.add, aten.add_, aten.sub, aten.sub_, aten.masked_fill, aten.masked_fill_),
        *(aten.where, aten.view, aten._unsafe_view, aten.reshape, aten.transpose, aten.permute),
        *(aten.expand, aten.slice, aten.select, aten.unsqueeze, aten.squeeze, aten.clone),
        *(aten._to_copy, aten.t, aten.neg, aten.alias, aten.detach, aten.copy_, aten.contiguous),
        *(aten.maximum, aten.minimum, aten.clamp, aten.tril, aten.triu),
    }
)
"""Operations that keep the size of logits: masks, and other layouts of the same numbers."""


class SoftmaxInputs(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch leaves it untyped
    """Follows products of two activations to the softmax that reads them.

    Attributes:
        reaches: by place, size of its logits at the first step if queries and keys were aligned.
        losses: logits that a loss reads.

    """

    def __init__(self, parameters: Iterable[Tensor], place: Callable[[], str]) -> None:
        """Follow operations inside the block; `place` names the module whose forward is running."""
        super().__init__()  # type: ignore[no-untyped-call]
        self.reaches: dict[str, float] = {}
        self.losses: list[Tensor] = []
        self._weights = {t.untyped_storage().data_ptr() for t in parameters}
        self._made_of_weights: dict[int, Tensor] = {}
        self._place = place
        self._products: dict[int, tuple[Tensor, float]] = {}
        self._unsummed: dict[int, tuple[Tensor, list[Tensor]]] = {}

    def __torch_dispatch__(
        self,
        func: Any,  # noqa: ANN401 - torch's own signature
        types: Any,  # noqa: ANN401
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        result = func(*args, **(kwargs or {}))
        operation, tensors = func.overloadpacket, [a for a in args if isinstance(a, Tensor)]
        if tensors and isinstance(result, Tensor):
            if all(self._is_weight(tensor) for tensor in tensors):
                self._made_of_weights[id(result)] = result
            elif (reach := self._reach(operation, args, kwargs or {}, result)) is not None:
                self._products[id(result)] = (result, reach)
            elif operation is aten.mul and not any(self._is_weight(t) for t in tensors):
                # By hand: (q * k).sum(-1).
                self._unsummed[id(result)] = (result, tensors)
        if operation in _SOFTMAXES and id(args[0]) in self._products:
            self.reaches.setdefault(self._place(), self._products[id(args[0])][1])
        if operation in _LOSSES:
            self.losses.append(args[0].detach().clone())
        return result

    def _reach(
        self,
        operation: Any,  # noqa: ANN401 - torch's own
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        result: Tensor,
    ) -> float | None:
        """Reach of the result of an operation; None if it is no product of activations."""
        tensors = [a for a in args if isinstance(a, Tensor)]
        if operation in _PRODUCTS:
            left, right = tensors[-2:]
            if self._is_weight(left) or self._is_weight(right):
                return None
            return float(kwargs.get("alpha", 1)) * left.shape[-1] * _rms(left) * _rms(right)
        if operation is aten.sum and id(args[0]) in self._unsummed:
            product, factors = self._unsummed[id(args[0])]
            terms = product.numel() / max(result.numel(), 1)
            return terms * math.prod(_rms(factor) for factor in factors)
        known = next((t for t in tensors if id(t) in self._products), None)
        if known is None:
            return None
        reach = self._products[id(known)][1]
        if operation in _KEEPING:
            return reach
        if operation in _FACTORS:
            other = next((a for a in args if a is not known), 1.0)
            factor = _rms(other) if isinstance(other, Tensor) else abs(float(other))
            return reach * factor if operation in (aten.mul, aten.mul_) else reach / factor
        if operation in (aten.tanh, aten.tanh_):
            return min(reach, 1.0)
        return None

    def _is_weight(self, tensor: Tensor) -> bool:
        return (
            id(tensor) in self._made_of_weights
            or tensor.untyped_storage().data_ptr() in self._weights
        )


def _rms(tensor: Tensor) -> float:
    return float(tensor.detach().double().square().mean().sqrt())
