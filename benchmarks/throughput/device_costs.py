"""Count what a traced graph costs a GPU: kernels, bytes, floating-point operations, memory, time.

Counted from the operations and their shapes, without a device. The time is a model: every kernel
takes as long as its bytes, its arithmetic or its launch, whichever is longest, on an H100 with the
ceilings below; expect it to be right within 40 %.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor, fx
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils import _pytree as pytree
from torch.utils.flop_counter import flop_registry

REPLAYED_SECONDS: Final = 1.4e-6
"""Of the smallest kernel in a CUDA graph."""
LAUNCHED_SECONDS: Final = 6.0e-6
"""Of the smallest kernel that Python launches."""
BYTES_A_SECOND: Final = 2.6e12
FLOPS_A_SECOND: Final = {torch.bfloat16: 4.0e14, torch.float16: 4.0e14, torch.float32: 4.0e13}
_WITHOUT_KERNEL: Final = frozenset(
    {
        "_unsafe_view",
        "empty",
        "empty_like",
        "new_empty",
        "empty_strided",
        "_reshape_alias",
        "detach",
    }
)


class Costs(NamedTuple):
    """Of one phase of a step, or of several together."""

    launches: int
    bytes_moved: int
    flops: int
    graph_seconds: float
    """Replayed."""
    eager_seconds: float

    def plus(self, other: "Costs") -> "Costs":
        """Of both, one after the other."""
        return Costs(
            self.launches + other.launches,
            self.bytes_moved + other.bytes_moved,
            self.flops + other.flops,
            self.graph_seconds + other.graph_seconds,
            self.eager_seconds + other.eager_seconds,
        )


def costs_of(graph: fx.GraphModule) -> Costs:
    """Of all operations of the graph."""
    total = Costs(0, 0, 0, 0.0, 0.0)
    for node in kernels_of(graph):
        total = total.plus(_costs(node))
    return total


def kernels_of(graph: fx.GraphModule) -> Iterator[fx.Node]:
    """Operations that do something on a device: no views, and nothing that only allocates."""
    for node in graph.graph.nodes:
        if isinstance(node.target, torch._ops.OpOverload) and _is_kernel(node.target):
            yield node


def _is_kernel(operation: torch._ops.OpOverload) -> bool:
    return not operation.is_view and operation.overloadpacket.__name__ not in _WITHOUT_KERNEL


def peak_bytes(graph: fx.GraphModule) -> int:
    """Most that the graph's own results take at once; arguments are not counted."""
    nodes = list(graph.graph.nodes)
    last_use: dict[StorageWeakRef, int] = {}
    sizes: dict[StorageWeakRef, int] = {}
    given = {
        storage for node in nodes if node.op == "placeholder" for storage, _ in _storages(node)
    }
    for place, node in enumerate(nodes):
        for used in (*node.all_input_nodes, node):
            for storage, size in _storages(used):
                last_use[storage], sizes[storage] = place, size
    born: set[StorageWeakRef] = set()
    live = peak = 0
    ends: dict[int, list[StorageWeakRef]] = {}
    for storage, place in last_use.items():
        ends.setdefault(place, []).append(storage)
    for place, node in enumerate(nodes):
        for storage, size in _storages(node):
            if storage not in born and storage not in given:
                born.add(storage)
                live += size
        peak = max(peak, live)
        live -= sum(sizes[storage] for storage in ends.get(place, []) if storage in born)
    return peak


def _costs(node: fx.Node) -> Costs:
    arguments = [_value(one) for one in pytree.tree_leaves((node.args, node.kwargs))]
    given = [one for one in arguments if isinstance(one, Tensor)]
    made = _tensors(_value(node))
    moved = sum(map(_bytes, [*given, *made]))
    flops = _flops(node)
    dtype = given[0].dtype if given else torch.float32
    work = max(moved / BYTES_A_SECOND, flops / FLOPS_A_SECOND.get(dtype, 2.0e13))
    return Costs(1, moved, flops, max(work, REPLAYED_SECONDS), max(work, LAUNCHED_SECONDS))


def _flops(node: fx.Node) -> int:
    assert isinstance(node.target, torch._ops.OpOverload)
    formula = flop_registry.get(node.target.overloadpacket)
    if formula is None:
        return 0
    args, kwargs = pytree.tree_map(_value, (node.args, node.kwargs))
    return int(formula(*args, **kwargs, out_val=_value(node)))


def _value(one: Any) -> Any:  # noqa: ANN401 - whatever a graph passes on
    return one.meta.get("val") if isinstance(one, fx.Node) else one


def _tensors(value: object) -> list[Tensor]:
    return [one for one in pytree.tree_leaves(value) if isinstance(one, Tensor)]


def _bytes(tensor: Tensor) -> int:
    """The bytes that a kernel reads or writes of it; an expanded tensor is read where it is."""
    spread = [size for size, stride in zip(tensor.shape, tensor.stride(), strict=True) if stride]
    return tensor.itemsize * _product(spread)


def _product(sizes: Sequence[int]) -> int:
    total = 1
    for size in sizes:
        total *= size
    return total


def _storages(node: fx.Node) -> list[tuple[StorageWeakRef, int]]:
    return [(_reference(one), one.untyped_storage().nbytes()) for one in _tensors(_value(node))]


def _reference(tensor: Tensor) -> StorageWeakRef:
    return StorageWeakRef(tensor.untyped_storage())  # type: ignore[no-untyped-call]  # torch's own
