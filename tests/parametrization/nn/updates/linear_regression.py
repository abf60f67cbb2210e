"""A linear layer with a squared loss: gradient and signals of the same batch, consistent."""

from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor

from parametrization.nn.updates.update import (
    CurvatureOptimizer,
    LayerSignals,
    Number,
    State,
)
from tests.parametrization.nn.updates.trajectories import hyper_of, random

FAN_OUT, FAN_IN, EXAMPLES = 3, 4, 32


class Batch(NamedTuple):
    gradient: Tensor
    signals: LayerSignals


def batch_at(weight: Tensor, step: int, *, seed: int = 0) -> Batch:
    """Gradient of mean 1/2 |W a - t|^2 on this step's own batch, with its per-example parts."""
    inputs = random(EXAMPLES, FAN_IN, seed=1000 * seed + 2 * step)
    targets = random(EXAMPLES, FAN_OUT, seed=1000 * seed + 2 * step + 1)
    output_gradients = inputs @ weight.mT - targets
    return Batch(output_gradients.mT @ inputs / EXAMPLES, LayerSignals(inputs, output_gradients))


def scaled(batch: Batch, factor: float) -> Batch:
    """The batch of the same loss times `factor`."""
    inputs, output_gradients = batch.signals
    return Batch(factor * batch.gradient, LayerSignals(inputs, factor * output_gradients))


def train(
    optimizer: CurvatureOptimizer,
    start: Tensor,
    given: Mapping[str, Number],
    *,
    steps: int,
    seed: int = 0,
) -> list[Tensor]:
    """The weight after each step."""
    hyper = hyper_of(optimizer, **given)
    weight, visited = start, []
    state: State = optimizer.init(start)
    for step in range(steps):
        gradient, signals = batch_at(weight, step, seed=seed)
        weight, state = optimizer.update(weight, gradient, state, hyper, signals)
        visited.append(weight)
    return visited
