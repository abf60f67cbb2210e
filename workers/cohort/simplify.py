"""A traced graph without the views that change nothing."""

from typing import Final

import torch
from torch import fx

_RESHAPES: Final = {
    torch.ops.aten.expand.default,
    torch.ops.aten.view.default,
    torch.ops.aten._unsafe_view.default,
}
_TRANSPOSE: Final = torch.ops.aten.transpose.int


def simplified(module: fx.GraphModule) -> fx.GraphModule:
    """The same results, bit for bit, from fewer operations; `module` itself is changed.

    `vmap` wraps every matrix product into views, and half of them give back what they were given.
    Each costs microseconds, as much as the arithmetic of a tiny trial.
    """
    for node in list(module.graph.nodes):
        if node.op == "call_function" and (same := _already_there(node)) is not None:
            node.replace_all_uses_with(same)
            module.graph.erase_node(node)
    module.graph.eliminate_dead_code()
    module.recompile()
    return module


def _already_there(node: fx.Node) -> fx.Node | None:
    """The node that this one is a view of, if the view is the whole of it as it is."""
    source = node.args[0] if node.args else None
    if not isinstance(source, fx.Node):
        return None
    if node.target in _RESHAPES:
        return source if _layout(node) == _layout(source) else None
    if node.target is _TRANSPOSE and source.target is _TRANSPOSE:
        before = source.args[0]
        undone = set(node.args[1:]) == set(source.args[1:])
        return before if undone and isinstance(before, fx.Node) else None
    return None


def _layout(node: fx.Node) -> tuple[torch.Size, tuple[int, ...]]:
    value: torch.Tensor = node.meta["val"]
    return value.shape, value.stride()
