"""Seed the global random numbers that a user's code may draw from, by the purpose of the draw."""

import hashlib
import random
from functools import cache

import numpy as np
import torch


def seed_globals(*key: int) -> None:
    """Seed torch's, numpy's and Python's global generators from these numbers alone.

    Earlier draws and seeds make no difference: a trial draws the same numbers alone, after others,
    and resumed.
    """
    digest = hashlib.blake2b(repr(key).encode(), digest_size=8).digest()
    number = int.from_bytes(digest, "little")
    seed_torch(number)
    np.random.seed(number % 2**32)
    random.seed(number)


def seed_torch(seed: int) -> None:
    """As `torch.manual_seed`, which takes half a millisecond where there is nothing but a CPU.

    It notes the stack of its caller for every kind of device that could come to be used, each time:
    with a user's own task that is once or twice a step.
    """
    if _has_accelerator():
        torch.manual_seed(seed)
    else:
        torch.default_generator.manual_seed(seed)


@cache
def _has_accelerator() -> bool:
    return torch.accelerator.is_available()
