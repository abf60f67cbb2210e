"""The layers that muP adds to torch's own: with a forward multiplier, or a start of their own.

A multiplier is a plain number on the module: it survives deepcopy and compilation, and travels in
the state dict, so that loading a checkpoint into a fresh model cannot silently drop it.
"""

import math
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional


class WithMultiplier(nn.Module):
    """Base of the layers with a forward multiplier, which their state dict stores."""

    multiplier: float

    def factor_on(self, attribute: str) -> float:
        """Factor that the module in effect multiplies its own parameter `attribute` by."""
        return self.multiplier if attribute == "weight" else 1.0

    def get_extra_state(self) -> Tensor:
        """The multiplier as a tensor: formats that store nothing but tensors can keep it."""
        return torch.tensor(self.multiplier, dtype=torch.float64)

    def set_extra_state(self, state: Any) -> None:  # noqa: ANN401 - torch's own signature
        """Take the multiplier from a state dict."""
        self.multiplier = float(state)

    def extra_repr(self) -> str:
        """The multiplier, for the module's repr."""
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


class MultipliesInput(WithMultiplier):
    """Mixin that `as_readout` puts before a module's own class; multiplies the first argument."""

    def forward(self, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - the module's own
        if arguments:
            first, *others = arguments
            return super().forward(self.multiplier * first, *others, **named)
        (name, first), *rest = named.items()
        return super().forward(**{name: self.multiplier * first, **dict(rest)})

    def factor_on(self, attribute: str) -> float:
        """The multiplier for every matrix, 1 for vectors."""
        return self.multiplier if getattr(self, attribute).dim() >= _MATRIX else 1.0

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle by the plain class: this one is made at run time, in no module."""
        return _rebuilt, (type(self).__bases__[1],), self.__dict__


def as_readout(model: nn.Module, name: str) -> None:
    """Make the module called `name` a readout with a multiplier.

    In place, with the same parameters. Do it to every model of the family (base, delta, target),
    before compiling or sharding. A Linear or Conv becomes a readout of this module; another module
    that holds a matrix itself keeps its class's forward, and its first argument is multiplied: up
    to its bias, the module must be linear in it. A readout of `mup`'s loses its own multiplier.

    Raises:
        ValueError: if the module called `name` is none that a readout can replace.

    """
    try:
        plain = model.get_submodule(name)
    except AttributeError:
        named = ", ".join(n for n, m in model.named_modules() if type(m) in _READOUTS)
        raise ValueError(f"there is no module {name}; a readout could replace {named}") from None
    if isinstance(plain, WithMultiplier):
        return
    matrices = [p for p in plain.parameters(recurse=False) if p.dim() >= _MATRIX]
    if not matrices or isinstance(plain, (nn.Embedding, nn.EmbeddingBag)):
        raise ValueError(
            f"{name} is a {type(plain).__name__}: only Linear, Bilinear and convolutions have a"
            " readout, and other modules that hold a matrix themselves"
        )
    plain.__class__ = _readout_class(name, plain)
    assert isinstance(plain, WithMultiplier)
    plain.multiplier = 1.0


def is_mup_readout(module: nn.Module) -> bool:
    """True if the module is a readout of the package `mup`, which need not be installed."""
    return isinstance(module, nn.Linear) and any(
        cls.__name__ == "MuReadout" for cls in type(module).__mro__
    )


def _readout_class(name: str, plain: nn.Module) -> type[nn.Module]:
    kind = type(plain)
    if is_mup_readout(plain):
        if (own := getattr(plain, "output_mult", 1.0)) != 1.0:
            raise ValueError(
                f"{name} is a {kind.__name__} with output_mult={own:g}, which a readout of this"
                f" package does not apply: build it with 1 and give output_multiplier={own:g}"
            )
        return Readout
    if kind.get_extra_state is not nn.Module.get_extra_state:
        raise ValueError(
            f"{name} is a {kind.__name__}, whose state dict has an extra state of its own, where"
            " the multiplier would be stored: use the multiplier-free form"
        )
    return _READOUTS.get(kind) or _multiplied(kind)


def _multiplied(plain: type[nn.Module]) -> type[nn.Module]:
    """The class of `plain` with a multiplier on its input: one and the same in every call."""
    if plain not in _MULTIPLIED:
        _MULTIPLIED[plain] = type(f"{plain.__name__}Readout", (MultipliesInput, plain), {})
    return _MULTIPLIED[plain]


def _rebuilt(plain: type[nn.Module]) -> nn.Module:
    kind = _multiplied(plain)
    return kind.__new__(kind)


_MATRIX: Final = 2
_MULTIPLIED: Final[dict[type[nn.Module], type[nn.Module]]] = {}
_READOUTS: Final[dict[type[nn.Module], type[WithMultiplier]]] = {
    nn.Linear: Readout,
    nn.Conv1d: ConvReadout1d,
    nn.Conv2d: ConvReadout,
}
