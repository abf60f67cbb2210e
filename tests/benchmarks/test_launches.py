"""What a cohort launches on a GPU does not grow, and what it takes of the memory neither."""

import pytest

from benchmarks.throughput.device_costs import costs_of, kernels_of, peak_bytes
from benchmarks.throughput.launches import WORKLOADS
from benchmarks.throughput.traced_steps import AS_WRITTEN, traced_cohort

MOST = {"mlp-w128-b128": (62, 1.1), "gpt-w128-l2-t64-b16": (197, 0.75)}
"""Kernels of a cohort's batch and gradients, as last measured and a little more, and the bytes
moved as a share of what the model moves as it is written, whose gradients the update stacks."""
GIB = 2**30


@pytest.mark.parametrize("name", MOST)
def test_a_cohorts_gradients_launch_no_more_kernels_than_before(name: str) -> None:
    traced = traced_cohort(WORKLOADS[name], "adamw", 64)
    engine = costs_of(traced.gradients)
    written = costs_of(
        traced_cohort(WORKLOADS[name], "adamw", 64, device_type=AS_WRITTEN).gradients
    )
    most, share = MOST[name]
    assert 0 < engine.launches <= most < written.launches
    assert engine.bytes_moved < share * written.bytes_moved
    # Stacked in the update, every tensor's gradient would be a compiled kernel of its own.
    in_update = {str(node.target) for node in kernels_of(traced.update_alone)}
    assert not in_update & {"aten.cat.default", "aten.stack.default"}


def test_a_cohort_of_long_contexts_fits_into_a_slot_of_a_gpu() -> None:
    """48 GB written out: flash attention keeps no logits."""
    traced = traced_cohort(WORKLOADS["gpt-w256-l8-t1024-b8"], "adamw", 8)
    assert traced.resident_bytes + peak_bytes(traced.gradients) <= 8 * GIB
