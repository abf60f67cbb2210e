"""Decoder-only transformer of one width.

Shape suffixes: B batch, T position in the context, D width, V vocabulary.
"""

import torch
from torch import Tensor, nn

from parametrization.nn.layers import Readout, ResidualSum, TiedReadout
from parametrization.nn.models.layers.gpt_attention import Attention
from parametrization.nn.models.layers.gpt_feed_forward import feed_forward
from parametrization.nn.models.layers.parts import Declared, norm
from parametrization.nn.models.options import GptOptions, TextFacts
from parametrization.shapes.family_sizes import TIED_SCALE
from parametrization.shapes.roles import Role


class Block(ResidualSum):
    """Pre-norm attention and feed-forward, each added to the residual stream times `multiplier`."""

    def __init__(self, config: GptOptions, width: int) -> None:
        super().__init__()
        self.attention_norm = norm(config.norm, width, gains=config.norm_gains)
        self.attention = Attention(config, width)
        self.feed_forward_norm = norm(config.norm, width, gains=config.norm_gains)
        self.feed_forward = feed_forward(config, width)

    def forward(self, x_BTD: Tensor) -> Tensor:
        attended_BTD = self.plus(x_BTD, self.attention(self.attention_norm(x_BTD)))
        return self.plus(attended_BTD, self.feed_forward(self.feed_forward_norm(attended_BTD)))


class GptModel(nn.Module):
    """Token embedding, positions, blocks, final norm, readout."""

    def __init__(self, config: GptOptions, width: int, vocabulary: int) -> None:
        super().__init__()
        self.tied = config.tied
        self.learned_positions = config.positions == "learned"
        self.token = _table(vocabulary, width)
        if self.learned_positions:
            self.position = _table(config.context, width)
        self.blocks = nn.Sequential(*(Block(config, width) for _ in range(config.depth)))
        self.norm = norm(config.norm, width, gains=config.norm_gains)
        self.readout: nn.Module = (
            TiedReadout(self.token) if config.tied else Readout(width, vocabulary, bias=False)
        )

    def forward(self, tokens_BT: Tensor) -> Tensor:
        x_BTD = self.token(tokens_BT)
        if self.learned_positions:
            positions_T = torch.arange(tokens_BT.shape[-1], device=tokens_BT.device)
            x_BTD = x_BTD + self.position(positions_T)
        x_BTD = self.norm(self.blocks(x_BTD))
        if self.tied:
            x_BTD = TIED_SCALE * x_BTD
        logits_BTV: Tensor = self.readout(x_BTD)
        return logits_BTV


def build(family: GptOptions, dataset: TextFacts, width: int) -> nn.Module:
    """From tokens to the next one of each."""
    return GptModel(family, width, dataset.vocabulary)


def roles(family: GptOptions) -> Declared:
    """Roles of the maps to a fixed number of key and value heads; {} if heads grow with width."""
    return {} if family.fixed_kv_heads is None else {"blocks.*.attention.kv.weight": Role.GQA_KV}


def _table(rows: int, width: int) -> nn.Embedding:
    # nn.Embedding's own initialisation on the meta device imports torch's compiler: 5 s.
    table: nn.Embedding = nn.Embedding.from_pretrained(  # type: ignore[no-untyped-call]  # torch
        torch.zeros(rows, width), freeze=False
    )
    return table
