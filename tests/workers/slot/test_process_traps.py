"""What makes a busy machine slow without a word: page faults and denormal numbers."""

import multiprocessing
import resource
import sys

import pytest
import torch

from tests.workers.cohort.cohorts import together, varied
from tests.workers.specs import TINY_MLP
from workers.slot.process import settle_torch
from workers.training.trainer import train_to
from workers.training.trial import new_trial

DENORMAL = 1e-40
LARGE = 12 * 2**20  # numbers; beyond 32 MiB, what glibc would map anew every time
STEPS = 6


def faults_of_large_steps() -> int:
    settle_torch()
    tensor = torch.ones(LARGE)

    def step() -> None:
        (tensor * 2 + 1).sum()

    def faults() -> int:
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

    for _ in range(5):  # until the heap is large enough
        step()
    before = faults()
    for _ in range(STEPS):
        step()
    return faults() - before


@pytest.mark.skipif(sys.platform != "linux", reason="page faults are counted as Linux has them")
def test_large_tensors_are_not_mapped_anew_at_every_step() -> None:
    """A cohort of 32 spent its steps in 100,000 page faults each.

    In a process of its own, as workers are: what thousands of tests left of the heap is another
    matter. Where the heap happens to begin decides whether a later step still grows it once.
    """
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        faults = pool.apply(faults_of_large_steps)
    pages_of_a_tensor = LARGE * torch.float32.itemsize // resource.getpagesize()
    assert faults < STEPS * pages_of_a_tensor


def test_denormals_are_flushed_in_steps_alone_and_in_cohorts_alike() -> None:
    """Weights without a gradient stay what they are, or become zero where denormals are."""
    specs = varied(2, TINY_MLP, "sgd", clip=None)
    lone, *trials = (new_trial(spec) for spec in (specs[0], *specs))
    with torch.no_grad():
        for trial in (lone, *trials):
            for tensor in trial.model.parameters():
                tensor.fill_(DENORMAL)
    train_to(lone, 1)
    together(trials, 1)
    for trial in (lone, *trials):
        assert next(trial.model.parameters()).count_nonzero() == 0


def test_a_settled_process_flushes_denormals() -> None:
    settle_torch()
    assert (torch.full((8,), 1e-30) * 1e-10).count_nonzero() == 0
    assert torch.get_num_threads() == 1
