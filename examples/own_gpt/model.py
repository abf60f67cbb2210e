"""A GPT as people write it: nothing in it knows of Widthwise.

Shape suffixes: B batch, T position, D width, H heads, S head size, V vocabulary.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

HEAD_SIZE = 16


class Attention(nn.Module):
    """Causal self-attention, all heads in one matrix product."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = width // HEAD_SIZE
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def forward(self, x_BTD: Tensor) -> Tensor:
        batch, tokens, width = x_BTD.shape
        qkv = self.qkv(x_BTD).view(batch, tokens, 3, self.heads, HEAD_SIZE)
        q_BHTS, k_BHTS, v_BHTS = qkv.permute(2, 0, 3, 1, 4)
        y_BHTS = functional.scaled_dot_product_attention(q_BHTS, k_BHTS, v_BHTS, is_causal=True)
        out_BTD: Tensor = self.out(y_BHTS.transpose(1, 2).reshape(batch, tokens, width))
        return out_BTD


class Block(nn.Module):
    """Attention and a feed-forward, each behind a norm and around a shortcut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attn = Attention(width)
        self.ln_2 = nn.LayerNorm(width)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    def forward(self, x_BTD: Tensor) -> Tensor:
        x_BTD = x_BTD + self.attn(self.ln_1(x_BTD))
        return x_BTD + self.down(functional.gelu(self.up(self.ln_2(x_BTD))))


class Gpt(nn.Module):
    """Token and position tables, blocks, a norm and the logits."""

    def __init__(self, width: int, layers: int, context: int, vocabulary: int) -> None:
        super().__init__()
        self.wte = nn.Embedding(vocabulary, width)
        self.wpe = nn.Embedding(context, width)
        self.layers = nn.ModuleList(Block(width) for _ in range(layers))
        self.ln_f = nn.LayerNorm(width)
        self.lm_head = nn.Linear(width, vocabulary, bias=False)

    def forward(self, tokens_BT: Tensor) -> Tensor:
        positions_T = torch.arange(tokens_BT.shape[1], device=tokens_BT.device)
        x_BTD = self.wte(tokens_BT) + self.wpe(positions_T)
        for layer in self.layers:
            x_BTD = layer(x_BTD)
        logits_BTV: Tensor = self.lm_head(self.ln_f(x_BTD))
        return logits_BTV
