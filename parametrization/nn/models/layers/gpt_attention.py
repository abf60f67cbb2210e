"""Causal self-attention of the GPT: multi-head, grouped-query, with rotated positions.

Shape suffixes: B batch, T position in the context, D width, H query heads, G key and value heads,
S head size, R pairs of a head's entries.
"""

from typing import Final, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from parametrization.nn.models.layers.parts import norm
from parametrization.nn.models.options import GptOptions

ROPE_BASE: Final = 10_000.0


class Attention(nn.Module):
    """Causal self-attention with heads of a fixed size.

    Logits are scaled by head_size**-0.5. The muP rule is sqrt(base head size) / head size
    (Yang et al. 2022, arXiv:2203.03466, App. B): the same number, because width adds heads
    and leaves their size alone.

    With as many key and value heads as query heads, one matrix makes all three; with fewer,
    queries have a matrix of their own, whose aspect ratio or role is another.
    """

    def __init__(self, config: GptOptions, width: int) -> None:
        super().__init__()
        self.head_size = config.head_size
        self.grouped = config.fixed_kv_heads is not None or config.query_heads_per_kv_head > 1
        self.rotary = config.positions == "rope"
        if self.grouped:
            self.q = nn.Linear(width, width, bias=False)
            self.kv = nn.Linear(width, 2 * kv_heads(config, width) * self.head_size, bias=False)
        else:
            self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.q_norm, self.k_norm = _head_norm(config), _head_norm(config)

    def forward(self, x_BTD: Tensor) -> Tensor:
        q_BHTS, k_BGTS, v_BGTS = self._heads(x_BTD)
        q_BHTS, k_BGTS = self.q_norm(q_BHTS), self.k_norm(k_BGTS)
        if self.rotary:
            q_BHTS, k_BGTS = rotated(q_BHTS), rotated(k_BGTS)
        k_BHTS, v_BHTS = (self._repeated(each, q_BHTS.shape[1]) for each in (k_BGTS, v_BGTS))
        mixed_BHTS = functional.scaled_dot_product_attention(q_BHTS, k_BHTS, v_BHTS, is_causal=True)
        out_BTD: Tensor = self.out(mixed_BHTS.transpose(1, 2).flatten(-2))
        return out_BTD

    def _heads(self, x_BTD: Tensor) -> tuple[Tensor, ...]:
        """Queries, keys and values."""
        if self.grouped:
            flat = (self.q(x_BTD), *self.kv(x_BTD).chunk(2, dim=-1))
            return tuple(t.unflatten(-1, (-1, self.head_size)).transpose(1, 2) for t in flat)
        heads = self.qkv(x_BTD).unflatten(-1, (3, -1, self.head_size))
        return tuple(heads.permute(2, 0, 3, 1, 4).unbind(0))

    def _repeated(self, heads_BGTS: Tensor, queries: int) -> Tensor:
        """Every key or value head beside the query heads that share it.

        Copied, which a proxy can afford: the kernel that trains whole cohorts knows no groups.
        """
        if not self.grouped:
            return heads_BGTS
        return heads_BGTS.repeat_interleave(queries // heads_BGTS.shape[1], dim=1)


def _head_norm(config: GptOptions) -> nn.Module:
    kind: Literal["rmsnorm", "none"] = "rmsnorm" if config.qk_norm else "none"
    return norm(kind, config.head_size, gains=config.norm_gains)


def kv_heads(config: GptOptions, width: int) -> int:
    """Key and value heads at this width."""
    return config.fixed_kv_heads or width // config.head_size // config.query_heads_per_kv_head


def rotated(heads_BHTS: Tensor) -> Tensor:
    """Rotary position embedding: entries r and r + S/2 turn by position * base**(-2r / S).

    Logits then depend on the distance of two positions alone. Source: Su et al. 2021,
    arXiv:2104.09864, with the pairs taken from the two halves of a head.
    """
    length, head_size = heads_BHTS.shape[-2:]
    # In half precision a late position's angle would be off by whole turns.
    dtype, device = torch.promote_types(heads_BHTS.dtype, torch.float32), heads_BHTS.device
    evens_R = torch.arange(0, head_size, 2, dtype=dtype, device=device)
    positions_T = torch.arange(length, dtype=dtype, device=device)
    angles_TR = positions_T[:, None] * ROPE_BASE ** (evens_R / -head_size)
    cos_TR, sin_TR = (part.to(heads_BHTS.dtype) for part in (angles_TR.cos(), angles_TR.sin()))
    first_BHTR, second_BHTR = heads_BHTS.chunk(2, dim=-1)
    return torch.cat(
        (
            first_BHTR * cos_TR - second_BHTR * sin_TR,
            first_BHTR * sin_TR + second_BHTR * cos_TR,
        ),
        dim=-1,
    )
