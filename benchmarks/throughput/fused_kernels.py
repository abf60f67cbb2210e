"""Count the kernels that torch's compiler makes of a traced function, without compiling them.

The compiler's scheduler decides what is fused before any code is generated, so that neither a
device nor Triton is needed. It decides here for a CPU's loops, which it fuses much as a GPU's.
"""

from collections.abc import Callable
from typing import Any

from torch import fx
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils import _pytree as pytree


class _Counted(Exception):
    """Nothing is to be compiled."""


def fused_kernels(graph: fx.GraphModule, arguments: tuple[Any, ...]) -> int:
    """The number of kernels that a compiled `graph` launches.

    Args:
        arguments: without memory, such as it was traced on.

    """
    from torch._inductor.compile_fx import compile_fx  # its import takes seconds

    leaves, structure = pytree.tree_flatten(arguments)
    tensors = [leaf for leaf in leaves if leaf is not None]
    places = [place for place, leaf in enumerate(leaves) if leaf is not None]

    def flat(*given: Any) -> Any:  # noqa: ANN401
        all_of_them: list[Any] = [None] * len(leaves)
        for place, one in zip(places, given, strict=True):
            all_of_them[place] = one
        return graph(*pytree.tree_unflatten(all_of_them, structure))

    found: list[int] = []
    try:
        compile_fx(make_fx(flat)(*tensors), tensors, inner_compile=_counting(found))
    except _Counted:
        pass
    except Exception as error:
        if not found:
            raise RuntimeError("this torch's compiler cannot be asked what it fuses") from error
    return found[0]


def _counting(found: list[int]) -> Callable[..., Any]:
    from torch._inductor.debug import DebugContext
    from torch._inductor.graph import GraphLowering
    from torch._inductor.scheduler import NopKernelSchedulerNode
    from torch._inductor.virtualized import V

    def compile_nothing(graph: fx.GraphModule, inputs: list[Any], **_: object) -> Any:  # noqa: ANN401
        (output,) = graph.graph.find_nodes(op="output")
        output.meta["original_output_strides"] = [
            one.meta["val"].stride() if isinstance(one, fx.Node) else None for one in output.args[0]
        ]
        lowering = GraphLowering(graph, example_inputs=inputs)
        with V.set_graph_handler(lowering), V.set_debug_handler(DebugContext()):
            lowering.run(*inputs)
            lowering._update_scheduler()
        nodes = lowering.scheduler.nodes
        found.append(sum(not isinstance(node, NopKernelSchedulerNode) for node in nodes))
        raise _Counted

    return compile_nothing
