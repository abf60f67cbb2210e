"""Section 4: attention and norms of a cohort at real shapes, in the ways that there are."""

from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor
from torch.func import functional_call, grad, vmap
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn import functional

from benchmarks.gpu.section import Section, run
from workers.cohort.attention import FoldedAttention
from workers.cohort.norms import FusedNorms

SHAPES: Final = {
    "gpt-128 L2": (64, 16, 8, 64, 16),
    "gpt-128 L4": (64, 16, 8, 128, 16),
    "gpt-256 L8": (8, 8, 16, 1_024, 16),
    "gpt-256 L8, heads of 64": (8, 8, 4, 1_024, 64),
}
"""Trials, batch, heads, context, head size."""
_TINY: Final = {"tiny": (2, 2, 2, 8, 8)}


def measure(section: Section) -> None:
    """Forwards and backwards, folded into one kernel and written out."""
    shapes = _TINY if section.rehearsed else SHAPES
    for name, shape in shapes.items():
        for dtype in (torch.bfloat16, torch.float32):
            for way in ("folded", "written"):
                with section.trying(what="attention", shape=name, dtype=str(dtype), way=way) as row:
                    row["seconds"] = _attention(section, shape, dtype, way)
        for kind in (torch.nn.RMSNorm, torch.nn.LayerNorm):
            for way in ("fused", "written"):
                if section.rehearsed and way == "fused" and kind is torch.nn.RMSNorm:
                    continue  # torch has its gradient's kernel on GPUs alone
                with section.trying(what=kind.__name__, shape=name, way=way) as row:
                    row["seconds"] = _norm(section, shape, kind, way)


def _attention(section: Section, shape: tuple[int, ...], dtype: torch.dtype, way: str) -> float:
    tensors = [torch.randn(shape, device=section.device, dtype=dtype) for _ in range(3)]

    def loss(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        return mixed.float().square().sum()

    with FoldedAttention(None if way == "folded" else "none"):
        graph = make_fx(vmap(grad(loss, argnums=(0, 1, 2))))(*tensors)
    return section.seconds_of(lambda: graph(*tensors))


def _norm(
    section: Section,
    shape: tuple[int, ...],
    kind: Callable[..., torch.nn.Module],
    way: str,
) -> float:
    trials, batch, heads, context, head_size = shape
    width = heads * head_size
    norm = kind(width, device=section.device)
    names = [name for name, _ in norm.named_parameters()]
    stacked = {name: torch.randn(trials, width, device=section.device) for name in names}
    x = torch.randn(trials, batch, context, width, device=section.device)

    def loss(x: Tensor, parameters: dict[str, Tensor]) -> Tensor:
        result: Tensor = functional_call(norm, parameters, (x,))
        return result.square().sum()

    with FusedNorms("cuda" if way == "fused" else "none"):
        graph = make_fx(vmap(grad(loss, argnums=(0, 1))))(x, stacked)
    return section.seconds_of(lambda: graph(x, stacked))


if __name__ == "__main__":
    run(measure)
