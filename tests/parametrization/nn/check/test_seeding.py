"""The same random numbers whatever was drawn before."""

import random

import numpy as np
import torch

from parametrization.nn.check.seeding import seed_globals, seed_torch


def test_torch_draws_what_it_draws_after_its_own_seeding() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        expected = torch.rand(5)
        torch.rand(3)
        seed_torch(7)
        assert torch.equal(torch.rand(5), expected)


def test_every_generator_follows_the_key_alone() -> None:
    def drawn(*key: int) -> tuple[float, float, float]:
        seed_globals(*key)
        return float(torch.rand(1)), float(np.random.rand()), random.random()

    first = drawn(1, 2)
    others = drawn(1, 3)
    assert drawn(1, 2) == first
    assert all(one != other for one, other in zip(first, others, strict=True))
