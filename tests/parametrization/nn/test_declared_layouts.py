"""Tensors of a model move as their declared layout says: as Linear layers of the same matrices."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from parametrization.nn.classify import Declaration
from parametrization.nn.stepping import optimizer_for
from parametrization.optimizers.registry import STUDIED
from parametrization.scaling.companions import flat_defaults
from parametrization.scaling.tensor_scaling import TensorScaling
from parametrization.shapes.roles import Role
from tests.parametrization.builders import scalings_of, shape_of

WIDTH = 64
MATRIX_OPTIMIZERS = [n for n in STUDIED if n not in ("adam", "adamw", "sgd", "kfac", "ekfac")]


def flat(optimizer: str, **given: float) -> dict[str, float]:
    """Every default that a study has, at a rate in the middle of those searched."""
    low, high = STUDIED[optimizer].log2_rates
    numbers = {"learning_rate": 2.0 ** ((low + high) / 2), "init_std": 1.0}
    return {**numbers, "output_multiplier": 1.0, **flat_defaults(optimizer), **given}


class Maps(nn.Module):
    """Queries, keys and values, their merging, and two experts, all of them Linear layers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Linear(16, width)
        self.q, self.k, self.v = (nn.Linear(width, width, bias=False) for _ in range(3))
        self.out = nn.Linear(width, width, bias=False)
        self.experts = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        h = functional.gelu(self.first(x))
        h = h + self.out(self.q(h) * self.k(h).tanh() + self.v(h))
        one, other = self.experts
        result: Tensor = h + one(h) + other(h)
        return result

    def matrices(self) -> list[Tensor]:
        one, other = self.experts
        layers = (self.q, self.k, self.v, self.out, one, other)
        return [next(layer.parameters()) for layer in layers]


class RawMaps(nn.Module):
    """The same from tensors that only their declarations explain."""

    def __init__(self, width: int, heads: int = 4) -> None:
        super().__init__()
        self.first = nn.Linear(16, width)
        size = width // heads
        self.qkv = nn.Parameter(torch.empty(width, 3 * width))  # [in, 3 out]
        self.out = nn.Parameter(torch.empty(heads, size, width))  # [heads, head size, out]
        self.experts = nn.Parameter(torch.empty(2, width, width))  # [experts, in, out]

    def forward(self, x: Tensor) -> Tensor:
        h = functional.gelu(self.first(x))
        q, k, v = (h @ self.qkv).chunk(3, -1)
        heads = (q * k.tanh() + v).reshape(len(x), *self.out.shape[:2])
        h = h + torch.einsum("nhd,hdw->nw", heads, self.out)
        one, other = self.experts
        result: Tensor = h + h @ one + h @ other
        return result

    def matrices(self) -> list[Tensor]:
        return [*self.qkv.mT.chunk(3), self.out.flatten(0, 1).mT, *self.experts.mT]


DECLARED: dict[str, Role | Declaration] = {
    "qkv": Declaration(Role.HIDDEN, fan_in_axis=0, fan_out_axis=1, parts=3),
    "out": Declaration(Role.HIDDEN, fan_in_axis=(0, 1), fan_out_axis=2),
    "experts": Declaration(Role.HIDDEN, fan_in_axis=1, fan_out_axis=2, stacked_axis=0),
}


@pytest.mark.parametrize("optimizer", MATRIX_OPTIMIZERS)
def test_tensors_move_as_linear_layers_do_that_hold_their_matrices(optimizer: str) -> None:
    decay = {"weight_decay": 0.1} if "weight_decay" in flat_defaults(optimizer) else {}
    given = flat(optimizer, **decay)
    linear = trained(Maps(WIDTH), scalings_of(Maps, WIDTH, optimizer=optimizer, given=given))
    declared = scalings_of(
        RawMaps, WIDTH, optimizer=optimizer, given=given, shape=shape_of(RawMaps, roles=DECLARED)
    )
    raw = trained(RawMaps(WIDTH), declared)
    for one, other in zip(linear, raw, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def trained(model: Maps | RawMaps, scalings: tuple[TensorScaling, ...]) -> list[Tensor]:
    """The model's matrices after three updates from one start, in double precision.

    Roots of small eigenvalues magnify rounding to some 1e-8; another layout is off by over 1e-3.

    Targets are as wide as the model, so that gradients have full rank: what SOAP does in their null
    space hangs on rounding.
    """
    model.double()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for tensor in (*model.matrices(), *model.first.parameters()):
            tensor.copy_(torch.randn(*tensor.shape, generator=generator) / 8)
    optimizer = optimizer_for(model, scalings)
    for _ in range(3):
        x, target = (torch.randn(256, n, generator=generator).double() for n in (16, WIDTH))
        optimizer.zero_grad()
        functional.mse_loss(model(x), target).backward()  # type: ignore[no-untyped-call]  # untyped
        optimizer.step()
    return [one.detach().clone() for one in model.matrices()]


class Attending(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(width, width // 8, bias=False)
        self.memory = nn.LSTM(width, width, bias=False)


def test_torchs_fused_layers_hold_a_matrix_per_query_key_value_and_gate() -> None:
    wide = Declaration(Role.HIDDEN, fan_in_axis=1, fan_out_axis=0)
    roles = {"attention.in_proj_weight": wide, "memory.weight_*": wide}
    parts = {tensor.name: tensor.parts for tensor in shape_of(Attending, roles=roles).tensors}
    assert parts == {
        "attention.in_proj_weight": (1, 1, 1),
        "attention.out_proj.weight": (),
        "memory.weight_ih_l0": (1, 1, 1, 1),
        "memory.weight_hh_l0": (1, 1, 1, 1),
    }


@pytest.mark.parametrize("parts", [5, (3, 1, 1), (1, 0), ()])
def test_parts_that_the_fan_out_cannot_have_are_refused(parts: int | tuple[int, ...]) -> None:
    roles = {**DECLARED, "qkv": Declaration(Role.HIDDEN, 0, 1, parts=parts)}
    with pytest.raises(ValueError, match=r"qkv \[32, 96\] is declared with parts="):
        shape_of(RawMaps, roles=roles)
