"""Feed-forward of the GPT: plain, gated, and a mixture of either.

Shape suffixes: B batch, T position in the context, D width, F feed-forward width, E experts,
N tokens of the batch.
"""

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional

from parametrization.nn.layers import ExpertLinear, Router
from parametrization.nn.models.layers.parts import ACTIVATIONS
from parametrization.nn.models.options import GptOptions
from parametrization.shapes.family_sizes import FEED_FORWARD_FACTOR as FACTOR
from parametrization.shapes.family_sizes import GATED_FACTOR


class FeedForward(nn.Module):
    """Up, activation, down again; with swiglu `down(silu(gate x) * up x)`.

    Source of swiglu: Shazeer 2020, arXiv:2002.05202.
    """

    def __init__(self, config: GptOptions, width: int) -> None:
        super().__init__()
        self.gated = config.activation == "swiglu"
        self.activation = ACTIVATIONS["silu" if self.gated else config.activation]
        wide = (GATED_FACTOR if self.gated else FACTOR) * width
        make = _maps(config.experts)
        self.up = make(width, wide)
        if self.gated:
            self.gate = make(width, wide)
        self.down = make(wide, width)

    def forward(self, x_BTD: Tensor) -> Tensor:
        up_BTF = self.up(x_BTD)
        if self.gated:
            active_BTF = self.activation(self.gate(x_BTD)) * up_BTF
        else:
            active_BTF = self.activation(up_BTF)
        out_BTD: Tensor = self.down(active_BTF)
        return out_BTD


class Mixture(nn.Module):
    """Experts, of which the router chooses some for every token.

    Every expert computes every token, and gates of 0 drop what was not chosen: shapes do not
    depend on the routing, as `vmap` asks, at a cost that a proxy can bear. A chosen expert is
    weighted by its share of the softmax over all experts, so that the router learns even where
    each token has one expert (Fedus et al. 2021, arXiv:2101.03961). There is no loss that
    balances the experts' load.
    """

    def __init__(self, config: GptOptions, width: int) -> None:
        super().__init__()
        self.per_token = config.experts_per_token
        self.router = Router(width, config.experts, bias=False)
        self.experts = FeedForward(config, width)

    def forward(self, x_BTD: Tensor) -> Tensor:
        x_ND = x_BTD.flatten(0, 1)
        gates_NE = sparse_gates(self.router(x_ND), self.per_token)
        out_END = self.experts(x_ND.expand(gates_NE.shape[-1], -1, -1))
        mixed_ND: Tensor = (gates_NE.mT[..., None] * out_END).sum(0)
        return mixed_ND.view_as(x_BTD)


def sparse_gates(logits_NE: Tensor, per_token: int) -> Tensor:
    """Softmax over all experts, 0 but for the `per_token` largest of every token."""
    shares_NE = functional.softmax(logits_NE, dim=-1)
    chosen = shares_NE.topk(per_token, dim=-1).indices
    return shares_NE * shares_NE.new_zeros(shares_NE.shape).scatter(-1, chosen, 1.0)


def feed_forward(config: GptOptions, width: int) -> nn.Module:
    """The block's second half."""
    return FeedForward(config, width) if config.experts == 1 else Mixture(config, width)


def _maps(experts: int) -> Callable[[int, int], nn.Module]:
    """Constructor of a map from (fan_in, fan_out): a Linear, or one matrix for each expert."""
    if experts == 1:
        return lambda fan_in, fan_out: nn.Linear(fan_in, fan_out, bias=False)
    return lambda fan_in, fan_out: ExpertLinear(experts, fan_in, fan_out)
