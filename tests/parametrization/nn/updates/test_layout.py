import pytest
import torch

from parametrization.nn.updates.layouts import for_layout
from parametrization.nn.updates.registry import named
from parametrization.nn.updates.update import GradientOptimizer
from parametrization.optimizers.registry import BUILT_IN
from parametrization.shapes.roles import Layout
from tests.parametrization.nn.updates.trajectories import (
    gradient_optimizer,
    largest_difference,
    noisy_quadratic,
    ours,
    random,
)

TABLE = Layout(fan_out=(1,), fan_in=(0,))


@pytest.mark.parametrize(
    "name", [o.name for o in map(named, BUILT_IN) if isinstance(o, GradientOptimizer)]
)
def test_an_embedding_moves_as_its_transpose_would(name: str) -> None:
    optimizer = gradient_optimizer(name)
    start, gradient = random(7, 4, seed=1), noisy_quadratic(4, 7)
    embedding = ours(
        for_layout(optimizer, TABLE),
        start,
        lambda w, step: gradient(w.mT, step).mT,
        {"learning_rate": 0.05},
    )
    linear = ours(optimizer, start.mT, gradient, {"learning_rate": 0.05})
    assert largest_difference(embedding, [w.mT for w in linear]) < 1e-12


def test_a_token_that_was_not_seen_keeps_its_embedding() -> None:
    scion = gradient_optimizer("scion_column")
    start, seen = random(3, 4, seed=1), torch.tensor([[1.0], [0.0], [1.0]], dtype=torch.float64)
    (after,) = ours(
        for_layout(scion, TABLE),
        start,
        lambda w, _: seen * random(*w.shape, seed=2),
        {"learning_rate": 0.5},
        steps=1,
    )
    assert torch.equal(after[1], start[1])
    rms = (after - start)[[0, 2]].square().mean(1).sqrt()
    torch.testing.assert_close(rms, torch.full_like(rms, 0.5), rtol=1e-6, atol=0)


def test_the_first_layout_needs_no_adapter() -> None:
    soap = gradient_optimizer("soap")
    assert for_layout(soap, Layout(fan_out=(0,), fan_in=(1,))) is soap
