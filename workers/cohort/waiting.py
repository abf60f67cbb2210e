"""Find in a traced graph what the device has to be waited for: no CUDA graph can hold that."""

from typing import Final

import torch
from torch import fx

_FACTORISATIONS: Final = ("linalg_", "_linalg_", "cholesky", "geqrf", "ormqr", "lstsq", "svd")
"""Prefixes of torch's factorisations: they read back whether they succeeded."""
_NORMS: Final = ("linalg_vector_norm", "linalg_cross", "linalg_vecdot")
"""Begin like factorisations, and are kernels like any other."""
_BY_VALUE: Final = (torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape)
"""Results whose shape, or whose Python value, depends on a tensor's values."""


def waiting_operation(graph: fx.GraphModule) -> str | None:
    """Name of the first operation that waits for the device; None if there is none."""
    for node in graph.graph.nodes:
        target = node.target
        if isinstance(target, torch._ops.OpOverload) and _waits(target, node):
            return str(target)
    return None


def _waits(operation: torch._ops.OpOverload, node: fx.Node) -> bool:
    name = operation.overloadpacket.__name__
    if name in _NORMS:
        return False
    if name.startswith(_FACTORISATIONS):
        return True
    if operation is torch.ops.aten._to_copy.default:
        return _changes_device(node)
    if operation in _INDEXED:  # only a mask makes the shape depend on values
        return any(_is_mask(index) for index in node.args[1])  # type: ignore[union-attr]
    return any(tag in operation.tags for tag in _BY_VALUE)


def _changes_device(node: fx.Node) -> bool:
    """From pageable memory of the host, or to it."""
    (source, *_), value = node.args, node.meta.get("val")
    before = source.meta.get("val") if isinstance(source, fx.Node) else None
    if not isinstance(value, torch.Tensor) or not isinstance(before, torch.Tensor):
        return False
    return value.device.type != before.device.type


def _is_mask(index: object) -> bool:
    if not isinstance(index, fx.Node):
        return False
    value = index.meta.get("val")
    return isinstance(value, torch.Tensor) and value.dtype in (torch.bool, torch.uint8)


_INDEXED: Final = (
    torch.ops.aten.index.Tensor,
    torch.ops.aten.index_put.default,
    torch.ops.aten.index_put_.default,
    torch.ops.aten._unsafe_index.Tensor,
)
