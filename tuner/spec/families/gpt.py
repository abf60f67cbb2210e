"""The family `gpt`: a decoder-only transformer for text."""

from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal

from pydantic import Field

from parametrization.shapes.family_sizes import FEED_FORWARD_FACTOR, GATED_FACTOR
from parametrization.shapes.parameter_counts import linear, norm
from tuner.spec.datasets.dataset import Dataset, Text
from tuner.spec.families.model_family import ModelFamily


class Gpt(ModelFamily):
    """Decoder-only transformer: pre-norm blocks of causal attention and feed-forward.

    Which of its options pass the coordinate check is measured in docs/options.md.
    """

    trains_on: ClassVar = Text
    builder: ClassVar = "parametrization.nn.models.gpt:build"
    roles: ClassVar = "parametrization.nn.models.gpt:roles"

    name: Literal["gpt"]
    depth: int = Field(default=2, ge=1, le=64)
    """Blocks of attention and feed-forward."""
    head_size: int = Field(default=16, ge=1, le=256)
    """Size of one attention head, fixed over widths: the number of heads is width / head_size."""
    context: int = Field(default=32, ge=2, le=4096)
    """Tokens per sequence."""
    query_heads_per_kv_head: int = Field(default=1, ge=1, le=64)
    """Query heads that share one key and value head, at every width: 1 is multi-head attention,
    more is grouped-query attention whose key and value heads grow with width."""
    fixed_kv_heads: int | None = Field(default=None, ge=1, le=64)
    """Key and value heads that all query heads share, the same number at every width. Not clean
    under any rule: prefer query_heads_per_kv_head."""
    qk_norm: bool = False
    """RMSNorm over every head's query and key."""
    positions: Literal["learned", "rope"] = "learned"
    """A table added to the token's embedding, or queries and keys rotated by their position."""
    tied: bool = False
    """The readout reads the token embedding's own table."""
    norm: Literal["layernorm", "rmsnorm"] = "rmsnorm"
    norm_gains: bool = True
    """Norms train gains, LayerNorm biases too."""
    activation: Literal["relu", "gelu", "silu", "tanh", "swiglu"] = "gelu"
    """The feed-forward is 4 widths wide; with swiglu 3, the whole number nearest to the 8/3 that
    would give its three matrices as many parameters."""
    experts: int = Field(default=1, ge=1, le=64)
    """Feed-forwards of full size that a router chooses from; 1 is one feed-forward, no router."""
    experts_per_token: int = Field(default=1, ge=1, le=64)
    """Experts that each token is sent to."""

    def contradictions(self) -> Iterator[tuple[str, str]]:
        """Options that exclude each other."""
        if self.fixed_kv_heads is not None and self.query_heads_per_kv_head > 1:
            yield (
                "fixed_kv_heads",
                f"fixed_kv_heads {self.fixed_kv_heads} and query_heads_per_kv_head"
                f" {self.query_heads_per_kv_head} both say how many key and value heads there are:"
                " leave one of them out",
            )
        if self.experts_per_token > self.experts:
            yield (
                "experts_per_token",
                f"experts_per_token {self.experts_per_token} is more than experts {self.experts}:"
                " raise experts or lower experts_per_token",
            )
        if self.positions == "rope" and self.head_size % 2:
            yield (
                "head_size",
                f"head_size {self.head_size} is odd, and rope rotates pairs of a head's entries:"
                f" use {self.head_size + 1}, or positions learned",
            )

    @property
    def parts_of_width(self) -> Mapping[str, int]:
        """Heads, and how many of them belong together."""
        parts = {"head_size": self.head_size}
        if self.fixed_kv_heads is not None:
            return parts | {"fixed_kv_heads": self.fixed_kv_heads}
        if self.query_heads_per_kv_head > 1:
            return parts | {"query_heads_per_kv_head": self.query_heads_per_kv_head}
        return parts

    @property
    def tokens_per_example(self) -> int:
        """Tokens of one sequence."""
        return self.context

    def parameters(self, dataset: Dataset, width: int) -> int | None:
        """Parameters of the tables, the blocks and the readout."""
        if not isinstance(dataset, Text):
            return None
        table = dataset.vocabulary * width
        positions = self.context * width if self.positions == "learned" else 0
        norms = norm(self.norm, width) if self.norm_gains else 0
        block = self._attention(width) + self._feed_forward(width) + 2 * norms
        return table * (1 if self.tied else 2) + positions + norms + self.depth * block

    def _attention(self, width: int) -> int:
        heads = width // self.head_size
        shared = self.fixed_kv_heads or heads // self.query_heads_per_kv_head
        head_norms = 2 * norm("rmsnorm", self.head_size) if self.qk_norm and self.norm_gains else 0
        maps = 2 * linear(width, width + shared * self.head_size, bias=False)
        return maps + head_norms

    def _feed_forward(self, width: int) -> int:
        gated = self.activation == "swiglu"
        wide = (GATED_FACTOR if gated else FEED_FORWARD_FACTOR) * width
        one = (3 if gated else 2) * linear(width, wide, bias=False)
        router = linear(width, self.experts, bias=False) if self.experts > 1 else 0
        return self.experts * one + router
