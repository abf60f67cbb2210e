"""Decoder-only transformer of one width.

Shape suffixes: B batch, T position in the context, D width, H heads, S head size, V vocabulary.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from parametrization.layers import Readout
from tuner.families import Gpt
from workers.models.parts import ACTIVATIONS, norm

FEED_FORWARD_FACTOR = 4


class Attention(nn.Module):
    """Causal self-attention with heads of a fixed size.

    Logits are scaled by head_size**-0.5. The muP rule is sqrt(base head size) / head size
    (Yang et al. 2022, arXiv:2203.03466, App. B): the same number, because width adds heads
    and leaves their size alone.
    """

    def __init__(self, width: int, head_size: int) -> None:
        super().__init__()
        self.head_size = head_size
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def forward(self, x_BTD: Tensor) -> Tensor:
        heads = self.qkv(x_BTD).unflatten(-1, (3, -1, self.head_size))
        q_BHTS, k_BHTS, v_BHTS = heads.permute(2, 0, 3, 1, 4).unbind(0)
        mixed_BHTS = functional.scaled_dot_product_attention(q_BHTS, k_BHTS, v_BHTS, is_causal=True)
        out_BTD: Tensor = self.out(mixed_BHTS.transpose(1, 2).flatten(-2))
        return out_BTD


class FeedForward(nn.Module):
    """Up to four widths, activation, down again."""

    def __init__(self, config: Gpt, width: int) -> None:
        super().__init__()
        self.up = nn.Linear(width, FEED_FORWARD_FACTOR * width, bias=False)
        self.activation = ACTIVATIONS[config.activation]
        self.down = nn.Linear(FEED_FORWARD_FACTOR * width, width, bias=False)

    def forward(self, x_BTD: Tensor) -> Tensor:
        out_BTD: Tensor = self.down(self.activation(self.up(x_BTD)))
        return out_BTD


class Block(nn.Module):
    """Pre-norm attention and feed-forward, each added to the residual stream."""

    def __init__(self, config: Gpt, width: int) -> None:
        super().__init__()
        self.attention_norm = norm(config.norm, width)
        self.attention = Attention(width, config.head_size)
        self.feed_forward_norm = norm(config.norm, width)
        self.feed_forward = FeedForward(config, width)

    def forward(self, x_BTD: Tensor) -> Tensor:
        attended_BTD: Tensor = x_BTD + self.attention(self.attention_norm(x_BTD))
        out_BTD: Tensor = attended_BTD + self.feed_forward(self.feed_forward_norm(attended_BTD))
        return out_BTD


class GptModel(nn.Module):
    """Token and position embeddings, blocks, final norm, untied readout."""

    def __init__(self, config: Gpt, width: int, vocabulary: int) -> None:
        super().__init__()
        if width % config.head_size:
            raise ValueError(f"width {width} is not a multiple of head_size {config.head_size}")
        self.token = _table(vocabulary, width)
        self.position = _table(config.context, width)
        self.blocks = nn.Sequential(*(Block(config, width) for _ in range(config.depth)))
        self.norm = norm(config.norm, width)
        self.readout = Readout(width, vocabulary, bias=False)

    def forward(self, tokens_BT: Tensor) -> Tensor:
        positions_T = torch.arange(tokens_BT.shape[-1], device=tokens_BT.device)
        x_BTD = self.token(tokens_BT) + self.position(positions_T)
        logits_BTV: Tensor = self.readout(self.norm(self.blocks(x_BTD)))
        return logits_BTV


def _table(rows: int, width: int) -> nn.Embedding:
    # nn.Embedding's own initialisation on the meta device imports torch's compiler: 5 s.
    table: nn.Embedding = nn.Embedding.from_pretrained(  # type: ignore[no-untyped-call]  # torch
        torch.zeros(rows, width), freeze=False
    )
    return table
