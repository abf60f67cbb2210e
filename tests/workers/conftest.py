"""Workers compute as they do in their own processes: one thread, denormals flushed."""

from collections.abc import Iterator

import pytest
import torch

from workers.slot.process import settle_torch


@pytest.fixture(autouse=True, scope="module")
def _settled() -> Iterator[None]:
    settle_torch()
    yield
    torch.set_flush_denormal(False)  # Hypothesis refuses to draw floats where they are flushed
