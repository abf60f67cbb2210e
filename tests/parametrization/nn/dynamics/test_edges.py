"""Edges of stability by optimizer: on a quadratic, training leaves just beyond them."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from parametrization.nn.dynamics.edges import applied_rates

CURVATURE = 3.0
Build = Callable[[list[nn.Parameter], float], torch.optim.Optimizer]
BUILD: dict[str, Build] = {
    "sgd": lambda p, rate: torch.optim.SGD(p, lr=rate),
    "momentum": lambda p, rate: torch.optim.SGD(p, lr=rate, momentum=0.9),
    # An epsilon far above any gradient, so that the rate is the same throughout.
    "adam": lambda p, rate: torch.optim.AdamW(p, lr=1e60 * rate, eps=1e60, weight_decay=0.0),
}


def after(build: Build, rate: float) -> tuple[float, float]:
    """(edge before the last update, |w|) of w^2 CURVATURE / 2 from w = 1."""
    weight = nn.Parameter(torch.ones((), dtype=torch.float64))
    optimizer = build([weight], rate)
    edge = 0.0
    for _ in range(600):  # Adam's corrected start is far beyond its edge, and wears off
        optimizer.zero_grad()
        loss: Tensor = CURVATURE * weight.square() / 2
        loss.backward()  # type: ignore[no-untyped-call]  # torch
        optimizer.step()
        applied = applied_rates(optimizer)
        assert applied is not None
        (found,) = applied.rates.values()
        edge = CURVATURE * float(found) / 2 / applied.stands
        if weight.abs() > 1e30:
            break
    return edge, weight.abs().item()


@pytest.mark.parametrize("name", BUILD)
def test_a_quadratic_is_left_just_beyond_the_edge_and_not_before(name: str) -> None:
    build = BUILD[name]
    unit, _ = after(build, 1e-3)
    for edge, leaves in ((0.9, False), (1.1, True)):
        found, size = after(build, 1e-3 * edge / unit)
        assert found == pytest.approx(edge, rel=1e-2)
        assert (size > 1) is leaves


def test_optimizers_without_a_known_edge_have_none() -> None:
    weight = nn.Parameter(torch.ones(2))
    assert applied_rates(torch.optim.Adam([weight])) is None  # before its first update
    nesterov = torch.optim.SGD([weight], lr=1.0, momentum=0.9, nesterov=True)
    assert applied_rates(nesterov) is None
    assert applied_rates(torch.optim.RMSprop([weight])) is None
