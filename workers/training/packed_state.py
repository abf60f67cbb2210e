"""A nested state with all its tensors in one piece.

Stored one by one, as `torch.save` does, the tensors of a small trial cost ten times what their
bytes do, and the plain values beside them as much again.
"""

import math
from ast import literal_eval
from typing import Any, Final

import torch
from torch import Tensor

_TENSOR: Final = "tensor"
"""Key under which the plan has a tensor: (dtype, sizes in the order of its memory, that order).

Products of a matrix that lies in memory by columns, as eigenvectors do, are rounded otherwise than
those of one that lies by rows: what is restored has to lie as it did.
"""

_PLAIN: Final = frozenset({int, bool, str, type(None)})


def packed(state: dict[str, Any]) -> dict[str, Any]:
    """The same as two entries: a plan, as a Python literal, and all tensors as one of bytes.

    Raises:
        TypeError: if it holds anything but tensors, finite numbers, words, None, and nestings.

    """
    pieces: list[Tensor] = []
    plan = repr(_planned(state, pieces))
    return {"plan": plan, "bytes": torch.cat(pieces) if pieces else torch.empty(0).byte()}


def unpacked(stored: dict[str, Any]) -> dict[str, Any]:
    """The state, each tensor with a storage of its own."""
    state: dict[str, Any] = _filled(literal_eval(stored["plan"]), _Cutter(stored["bytes"]))
    return state


def _planned(value: Any, pieces: list[Tensor]) -> Any:  # noqa: ANN401 - whatever a state holds
    """The plan of a value, whose tensors are appended to the pieces."""
    if isinstance(value, Tensor):
        order = sorted(range(value.dim()), key=value.stride().__getitem__, reverse=True)
        lying = value.detach().cpu()
        if order != list(range(len(order))):
            lying = lying.permute(order)
        pieces.append(lying.contiguous().view(-1).view(torch.uint8))
        return {_TENSOR: (str(value.dtype).removeprefix("torch."), tuple(lying.shape), order)}
    if isinstance(value, dict):
        return {key: _planned(part, pieces) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_planned(part, pieces) for part in value)
    if type(value) in _PLAIN or (type(value) is float and math.isfinite(value)):
        return value
    raise TypeError(f"a state cannot hold {value!r}, a {type(value).__name__}")


class _Cutter:
    """Gives the tensors back in the order in which they were put together."""

    def __init__(self, piece: Tensor) -> None:
        self._piece, self._first = piece, 0

    def next(self, dtype_name: str, sizes: tuple[int, ...], order: list[int]) -> Tensor:
        dtype: torch.dtype = getattr(torch, dtype_name)
        last = self._first + dtype.itemsize * math.prod(sizes)
        part, self._first = self._piece[self._first : last], last
        back = sorted(range(len(order)), key=order.__getitem__)
        return part.clone().view(dtype).view(sizes).permute(back)


def _filled(plan: Any, cutter: _Cutter) -> Any:  # noqa: ANN401
    if isinstance(plan, dict):
        if plan.keys() == {_TENSOR}:
            return cutter.next(*plan[_TENSOR])
        return {key: _filled(part, cutter) for key, part in plan.items()}
    if isinstance(plan, list | tuple):
        return type(plan)(_filled(part, cutter) for part in plan)
    return plan
