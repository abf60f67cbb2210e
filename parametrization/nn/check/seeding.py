"""Seed the global random numbers that a user's code may draw from, by what it is about to do."""

import hashlib
import random

import numpy as np
import torch


def seed_globals(*key: int) -> None:
    """Torch's, numpy's and Python's global generators, from these numbers alone.

    Whatever was drawn or seeded before makes no difference to what is drawn next: a trial draws the
    same alone, after others, and resumed.
    """
    digest = hashlib.blake2b(repr(key).encode(), digest_size=8).digest()
    number = int.from_bytes(digest, "little")
    torch.manual_seed(number)
    np.random.seed(number % 2**32)
    random.seed(number)
