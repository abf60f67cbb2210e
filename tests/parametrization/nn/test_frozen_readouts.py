"""A readout that is not trained stays what it is, and what trains behind it is checked."""

from functools import partial

import torch
from torch import Tensor, nn

from parametrization.nn.base_shapes import derive_model_shape
from parametrization.nn.check.statistics import CheckedTraining, coordinate_statistics
from parametrization.nn.layers import as_readout
from parametrization.nn.start.readouts import draw_start
from tests.parametrization.builders import scalings_of


class Adapted(nn.Module):
    """A pretrained table and head, and an adapter between them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.table = nn.Embedding(24, width, _freeze=True)
        self.adapter = nn.Linear(width, width)
        self.head = nn.Linear(width, 24).requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.relu(self.adapter(self.table(x))))  # type: ignore[no-any-return]


def started(model: nn.Module) -> None:
    """Bring a model of width 64 to its start over base 32."""
    shape = derive_model_shape(Adapted(32), Adapted(64), 32)
    draw_start(model, scalings_of(Adapted, 64, shape=shape), torch.Generator().manual_seed(0))


def test_a_frozen_readout_keeps_the_multiplier_that_it_has() -> None:
    model = Adapted(64)
    started(model)
    assert type(model.head) is nn.Linear  # no multiplier has been put before it
    loaded = Adapted(64)
    as_readout(loaded, "head")
    loaded.head.multiplier = 0.125  # type: ignore[assignment]  # as from a checkpoint
    started(loaded)
    assert loaded.head.multiplier == 0.125


def test_what_trains_behind_a_frozen_readout_moves_in_the_check() -> None:
    def batch(seed: int, step: int) -> Tensor:
        return torch.arange(24) + 0 * (seed + step)

    def loss(model: nn.Module, x: Tensor) -> Tensor:
        return nn.functional.cross_entropy(model(x), x)

    training = CheckedTraining(partial(Adapted, 64), loss, batch)
    scalings = scalings_of(Adapted, 64, base_width=32, learning_rate=1e-3)
    (moved,) = (
        one.update_rms
        for one in coordinate_statistics(training, scalings, width=64, seeds=[0])
        if one.tensor == "adapter.weight"
    )
    assert moved
