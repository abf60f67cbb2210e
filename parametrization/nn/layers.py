"""The layers that muP adds to torch's own: with a forward multiplier, or a start of their own.

A multiplier is a plain number on the module: it survives deepcopy and compilation, and travels in
the state dict, so that loading a checkpoint into a fresh model cannot silently drop it.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class WithMultiplier(nn.Module):
    """What every layer here has in common."""

    multiplier: float

    def get_extra_state(self) -> Tensor:
        """The multiplier as a tensor: formats that store nothing but tensors can keep it."""
        return torch.tensor(self.multiplier, dtype=torch.float64)

    def set_extra_state(self, state: Any) -> None:  # noqa: ANN401 - torch's own signature
        """Take the multiplier from a state dict."""
        self.multiplier = float(state)

    def extra_repr(self) -> str:
        """Shown in the module's repr."""
        own = super().extra_repr()
        return f"{own}{', ' if own else ''}multiplier={self.multiplier:g}"


class Readout(WithMultiplier, nn.Linear):
    """Linear layer from a wide dimension to a finite one: `W (multiplier x) + b`."""

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        multiplier: float = 1.0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(in_features, out_features, bias, device=device, dtype=dtype)
        self.multiplier = float(multiplier)

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(self.multiplier * x, self.weight, self.bias)


class Router(Readout):
    """Logits over a fixed number of experts, from a wide token."""


class ConvReadout(WithMultiplier, nn.Conv2d):
    """Convolution from wide channels to a fixed number: pixels, noise, class maps.

    Takes Conv2d's arguments.
    """

    def __init__(self, *arguments: Any, multiplier: float = 1.0, **options: Any) -> None:  # noqa: ANN401 - Conv2d's own
        super().__init__(*arguments, **options)
        self.multiplier = float(multiplier)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(self.multiplier * x)


class ConvReadout1d(WithMultiplier, nn.Conv1d):
    """ConvReadout over one dimension; takes Conv1d's arguments."""

    def __init__(self, *arguments: Any, multiplier: float = 1.0, **options: Any) -> None:  # noqa: ANN401 - Conv1d's own
        super().__init__(*arguments, **options)
        self.multiplier = float(multiplier)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(self.multiplier * x)


class TiedReadout(WithMultiplier):
    """Logits by an embedding's own table: `W (multiplier x)`.

    Holds the embedding, not its tensor, and not as a submodule: the table stays one parameter of
    one module, which `to_empty`, sharding and functional calls replace in one place. Under
    sharding the embedding must belong to the same group as this layer (the root's).
    """

    def __init__(self, embedding: nn.Embedding, *, multiplier: float = 1.0) -> None:
        super().__init__()
        self._held = (embedding,)
        self.multiplier = float(multiplier)

    @property
    def embedding(self) -> nn.Embedding:
        """The layer whose table it reads."""
        return self._held[0]

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(self.multiplier * x, self.embedding.weight)


class ResidualSum(WithMultiplier):
    """Adds branches to the stream that it is given, each times `multiplier`, by `plus`.

    What depth rules scale, and what marks tensors as in a block. Subclass it where one module adds
    several branches; for one branch there is `Residual`. Norms belong into the branches.
    """

    def __init__(self, *, multiplier: float = 1.0) -> None:
        super().__init__()
        self.multiplier = float(multiplier)

    def plus(self, stream: Tensor, branch: Tensor) -> Tensor:
        """`stream + multiplier * branch`: at multiplier 1 their sum, bit for bit."""
        # A product with 1 costs a small GPT 2 to 3 % of its step. In a cohort it may be a tensor.
        if isinstance(self.multiplier, float) and self.multiplier == 1:
            return stream + branch
        return stream + self.multiplier * branch


class Residual(ResidualSum):
    """`x + multiplier * branch(x)`."""

    def __init__(self, branch: nn.Module, *, multiplier: float = 1.0) -> None:
        super().__init__(multiplier=multiplier)
        self.branch = branch

    def forward(self, x: Tensor, *arguments: Any) -> Tensor:  # noqa: ANN401 - the branch's own
        return self.plus(x, self.branch(x, *arguments))


class ZeroLinear(nn.Linear):
    """Linear layer that starts at zero, as adaLN-zero's modulation does: its role stays its own."""


class ExpertLinear(nn.Module):
    """One matrix per expert, [experts, out, in]: (experts, n, in) to (experts, n, out)."""

    def __init__(self, experts: int, in_features: int, out_features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(experts, out_features, in_features))
        if not self.weight.is_meta:  # there it would import the compiler, for nothing
            nn.init.normal_(self.weight, std=1 / math.sqrt(in_features))

    def forward(self, x: Tensor) -> Tensor:
        return torch.bmm(x, self.weight.transpose(1, 2))


def attention_scale(head_size: int, base_head_size: int) -> float:
    """Factor on q @ k: sqrt(base head size) / head size, torch's own at the base head size.

    Source: Yang et al. 2022, arXiv:2203.03466, Definition 4.1. Where width adds heads and leaves
    their size alone, it is 1/sqrt(head size) at every width.
    """
    return math.sqrt(base_head_size) / head_size


def as_readout(model: nn.Module, name: str) -> None:
    """Put a readout with a multiplier in the place of the Linear or Conv called `name`.

    In place, with the same parameters. Do it to every model of the family (base, delta, target),
    before compiling or sharding.

    Raises:
        ValueError: if the module called `name` is none that a readout can replace.

    """
    path, _, attribute = name.rpartition(".")
    try:
        parent, plain = model.get_submodule(path), model.get_submodule(name)
    except AttributeError:
        named = ", ".join(n for n, m in model.named_modules() if type(m) in _READOUTS)
        raise ValueError(f"there is no module {name}; a readout could replace {named}") from None
    if type(plain) not in _READOUTS:
        raise ValueError(
            f"{name} is a {type(plain).__name__}: only Linear, Conv1d and Conv2d have a readout"
        )
    readout = _READOUTS[type(plain)].__new__(_READOUTS[type(plain)])
    readout.__dict__ = {**plain.__dict__, "multiplier": 1.0}
    setattr(parent, attribute, readout)


_READOUTS: dict[type[nn.Module], type[WithMultiplier]] = {
    nn.Linear: Readout,
    nn.Conv1d: ConvReadout1d,
    nn.Conv2d: ConvReadout,
}
