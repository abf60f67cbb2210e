"""The Fréchet distance against closed forms and against scipy's root of a matrix."""

import math

import numpy as np
import pytest
import scipy.linalg
import torch

from workers.models.frechet import frechet_distance


def drawn(count: int, seed: int, dimensions: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, dimensions, generator=generator, dtype=torch.float64)


def test_it_is_what_scipys_root_of_the_product_gives() -> None:
    """Of covariances that do not commute."""
    a, b = drawn(200, 0) @ drawn(3, 1), drawn(100, 2) @ drawn(3, 3) + 0.5
    cov_a, cov_b = np.cov(a.numpy().T), np.cov(b.numpy().T)
    root = np.real(scipy.linalg.sqrtm(cov_a @ cov_b))
    means = np.square(a.mean(0).numpy() - b.mean(0).numpy()).sum()
    expected = (means + np.trace(cov_a + cov_b - 2 * root)) / 3
    assert frechet_distance(a, b).item() == pytest.approx(expected, rel=1e-6)


def test_a_shift_and_a_stretch_cost_their_squares() -> None:
    """Per dimension: the square of the shift, and of the change of the standard deviation."""
    samples = drawn(500, 0)
    scale = samples.std(0).square().mean().item()
    assert frechet_distance(samples, samples + 2).item() == pytest.approx(4, rel=1e-9)
    centred = samples - samples.mean(0)
    assert frechet_distance(centred, 3 * centred).item() == pytest.approx(4 * scale, rel=1e-9)


def test_a_pixel_that_is_always_black_adds_nothing() -> None:
    a, b = drawn(50, 0), drawn(60, 1)
    wider = [torch.cat((samples, torch.ones(len(samples), 1)), dim=1) for samples in (a, b)]
    assert 4 * frechet_distance(*wider).item() == pytest.approx(3 * frechet_distance(a, b).item())


def test_it_is_never_negative_and_nothing_only_between_equals() -> None:
    samples = drawn(50, 0)
    assert 0 <= frechet_distance(samples, samples).item() < 1e-12
    assert frechet_distance(samples, drawn(50, 1)).item() > 1e-3


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_samples_that_are_not_finite_have_no_distance(value: float) -> None:
    broken = drawn(50, 0)
    broken[3, 1] = value
    assert math.isnan(frechet_distance(broken, drawn(50, 1)).item())
