"""Dimensions that join a part that grows with a fixed one are refused, and led to two layers."""

import pytest
import torch
from torch import Tensor, nn

from parametrization.nn.own_model import check, shape
from parametrization.shapes.roles import Role

BASE, TIME = 32, 16


class Joined(nn.Module):
    """A hidden state beside an embedding of time whose size is fixed."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Linear(8, width)
        self.middle = nn.ModuleList(nn.Linear(width + TIME, width) for _ in range(2))
        self.mix = nn.Conv1d(TIME + width, width, 1)
        self.queries_and_keys = nn.Linear(width, width + 8)
        self.norm = nn.LayerNorm(width + 8)
        self.head = nn.Linear(width, 5)


def test_every_such_dimension_is_named_with_its_parts_and_the_layers_to_build() -> None:
    with pytest.raises(ValueError, match="must grow in proportion to width") as refused:
        shape(Joined, BASE)
    text = str(refused.value)
    for words in (
        "dimension 1 of middle.*.weight goes from 48 to 80, so that 32 of it grow and 16 do not",
        "In place of middle.* add up the results of two layers: Linear(32, ..) over the inputs",
        "and Linear(16, .., bias=False) over the others",
        "dimension 1 of mix.weight goes from 48 to 80",
        "Conv1d(16, .., bias=False) over the others",
        "In place of queries_and_keys join the results of two layers by torch.cat",
        "dimension 0 of queries_and_keys.bias goes from 40 to 72",
        "dimension 0 of norm.weight goes from 40 to 72, so that 32 of it grow and 8 do not. Hold",
    ):
        assert words in text


class Apart(nn.Module):
    """The same sum of a hidden state and of time, by two layers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Linear(8, width)
        self.middle = nn.Linear(width, width)
        self.time = nn.Linear(TIME, width, bias=False)
        self.head = nn.Linear(width, 5)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        h = torch.relu(self.first(x))
        y: Tensor = self.head(torch.relu(self.middle(h) + self.time(time)))
        return y


def test_two_layers_have_the_roles_of_the_two_parts_and_pass_the_check() -> None:
    def batch(seed: int, step: int) -> tuple[Tensor, Tensor, Tensor]:
        draw = torch.Generator().manual_seed(1000 * seed + step)
        x, time = torch.randn(32, 8, generator=draw), torch.randn(32, TIME, generator=draw)
        return x, time, torch.sin(x[:, :5] + time[:, :5])

    def loss(model: nn.Module, given: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        x, time, wanted = given
        error: Tensor = model(x, time) - wanted
        return error.square().mean()

    roles = {tensor.name: tensor.role for tensor in shape(Apart, BASE).tensors}
    assert (roles["middle.weight"], roles["time.weight"]) == (Role.HIDDEN, Role.INPUT)
    assert check(Apart, loss, batch, base_width=BASE, widths=(32, 64, 128, 256)).passed


def test_a_dimension_that_joins_nothing_is_named_without_a_remedy_that_does_not_fit() -> None:
    def squared(width: int) -> nn.Module:
        return nn.Sequential(nn.Linear(3, width), nn.Linear(width, width * width))

    with pytest.raises(ValueError, match=r"(?s)1\.weight goes from 1024 to 4096\n.*as the square"):
        shape(squared, BASE)
