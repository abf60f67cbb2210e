"""Language models as people write them, from torch's layers and layers of their own.

Each has the layers, the names and the start of the model that it is named after.
"""

import math
from typing import Final

import torch
from mup import MuReadout
from torch import Tensor, nn
from torch.nn import functional

VOCABULARY: Final = 256
CONTEXT: Final = 64
HEAD: Final = 16


class LayerNorm(nn.Module):
    """nanoGPT's: torch's has no option without a bias in older releases."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        return functional.layer_norm(x, self.weight.shape, self.weight, self.bias)


class Attention(nn.Module):
    """Queries, keys and values by one projection, heads of 16."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.c_attn = nn.Linear(width, 3 * width)
        self.c_proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        q, k, v = (
            part.view(batch, length, -1, HEAD).transpose(1, 2)
            for part in self.c_attn(x).split(width, dim=-1)
        )
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        result: Tensor = self.c_proj(mixed.transpose(1, 2).reshape(batch, length, width))
        return result


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.ln_1, self.attn = LayerNorm(width), Attention(width)
        self.ln_2 = LayerNorm(width)
        self.mlp = nn.ModuleDict(
            {"c_fc": nn.Linear(width, 4 * width), "c_proj": nn.Linear(4 * width, width)}
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.ln_1(x))
        hidden = functional.gelu(self.mlp["c_fc"](self.ln_2(x)))
        result: Tensor = x + self.mlp["c_proj"](hidden)
        return result


class MupConfig:
    """nanoGPT-mup's switch."""

    def __init__(self, multiplier: float) -> None:
        self.mup_enabled, self.mup_width_multiplier = True, multiplier


class NanoGpt(nn.Module):
    """A tied readout, and norms of its own; nanoGPT-mup divides by the width multiplier, too."""

    def __init__(self, width: int, config: MupConfig | None = None) -> None:
        super().__init__()
        self.config = config
        self.transformer = nn.ModuleDict(
            {
                "wte": nn.Embedding(VOCABULARY, width),
                "wpe": nn.Embedding(CONTEXT, width),
                "h": nn.ModuleList([Block(width), Block(width)]),
                "ln_f": LayerNorm(width),
            }
        )
        self.lm_head = nn.Linear(width, VOCABULARY, bias=False)
        self.transformer["wte"].weight = self.lm_head.weight
        for name, parameter in self.named_parameters():
            if name.endswith("c_proj.weight"):
                nn.init.normal_(parameter, std=0.02 / math.sqrt(4))
            elif name.endswith(("c_attn.weight", "c_fc.weight", "wte.weight", "wpe.weight")):
                nn.init.normal_(parameter, std=0.02)

    def forward(self, tokens: Tensor) -> Tensor:
        positions = torch.arange(tokens.shape[1], device=tokens.device)
        x = self.transformer["wte"](tokens) + self.transformer["wpe"](positions)
        blocks = self.transformer["h"]
        assert isinstance(blocks, nn.ModuleList)
        for block in blocks:
            x = block(x)
        logits: Tensor = self.lm_head(self.transformer["ln_f"](x))
        return logits if self.config is None else logits / self.config.mup_width_multiplier


def nano_gpt_mup(width: int) -> NanoGpt:
    """nanoGPT-mup as its author trains it at any width."""
    return NanoGpt(width, MupConfig(width / 64))


class Encoder(nn.Module):
    """nn.TransformerEncoder behind a table, and positions as a raw parameter."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.emb = nn.Embedding(VOCABULARY, width)
        self.pos = nn.Parameter(torch.randn(1, CONTEXT, width) * 0.02)
        layer = nn.TransformerEncoderLayer(
            width,
            width // HEAD,
            4 * width,
            dropout=0.0,
            batch_first=True,
            norm_first=True,
            activation="gelu",
        )
        self.enc = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, VOCABULARY)

    def forward(self, tokens: Tensor) -> Tensor:
        length = tokens.shape[1]
        mask = nn.Transformer.generate_square_subsequent_mask(length)
        x = self.enc(self.emb(tokens) + self.pos[:, :length], mask=mask, is_causal=True)
        logits: Tensor = self.head(self.norm(x))
        return logits


class MupTransformer(nn.Module):
    """`mup`'s example, with heads of one size: a post-norm encoder and a MuReadout."""

    def __init__(self, width: int) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(
            width, width // HEAD, 2 * width, dropout=0.0, batch_first=True
        )
        self.encoder = nn.Embedding(VOCABULARY, width)
        self.pos_encoder = nn.Embedding(CONTEXT, width)
        self.transformer_encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.decoder = MuReadout(width, VOCABULARY)

    def forward(self, tokens: Tensor) -> Tensor:
        length = tokens.shape[1]
        mask = nn.Transformer.generate_square_subsequent_mask(length)
        x = self.encoder(tokens) + self.pos_encoder(torch.arange(length))
        logits: Tensor = self.decoder(self.transformer_encoder(x, mask=mask, is_causal=True))
        return logits


class Lstm(nn.Module):
    """A language model of two recurrent layers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.emb = nn.Embedding(VOCABULARY, width)
        self.lstm = nn.LSTM(width, width, 2, batch_first=True)
        self.head = nn.Linear(width, VOCABULARY)

    def forward(self, tokens: Tensor) -> Tensor:
        logits: Tensor = self.head(self.lstm(self.emb(tokens))[0])
        return logits
