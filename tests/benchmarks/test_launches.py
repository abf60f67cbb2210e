"""What a cohort launches on a GPU does not grow, and what it takes of the memory neither."""

import pytest

from benchmarks.throughput.device_costs import costs_of, peak_bytes
from benchmarks.throughput.launches import WORKLOADS
from benchmarks.throughput.traced_steps import AS_WRITTEN, traced_cohort

MOST = {"mlp-w128-b128": 60, "gpt-w128-l2-t64-b16": 195, "gpt-w128-l4-t128-b16": 320}
"""Kernels of a cohort's gradients, as last measured and a little more."""
GIB = 2**30


@pytest.mark.parametrize("name", MOST)
def test_a_cohorts_gradients_launch_no_more_kernels_than_before(name: str) -> None:
    engine = costs_of(traced_cohort(WORKLOADS[name], "adamw", 64).gradients)
    assert 0 < engine.launches <= MOST[name]


def test_a_gpus_own_kernels_move_half_of_what_the_model_is_written_as() -> None:
    workload = WORKLOADS["gpt-w128-l2-t64-b16"]
    written = costs_of(traced_cohort(workload, "adamw", 64, device_type=AS_WRITTEN).gradients)
    engine = costs_of(traced_cohort(workload, "adamw", 64).gradients)
    assert engine.bytes_moved < 0.65 * written.bytes_moved
    assert engine.launches < 0.75 * written.launches


def test_a_cohort_of_long_contexts_fits_into_a_slot_of_a_gpu() -> None:
    """48 GB written out: flash attention keeps no logits."""
    traced = traced_cohort(WORKLOADS["gpt-w256-l8-t1024-b8"], "adamw", 8)
    assert traced.resident_bytes + peak_bytes(traced.gradients) <= 8 * GIB
