"""The contract of a loss: a mean over predictions, whatever the batch holds."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from parametrization.nn.check.contract import words_on_sum


class Batch(NamedTuple):
    inputs: Tensor
    labels: Tensor


SIZE = 8
BATCH = Batch(
    torch.randn(SIZE, 5, generator=torch.Generator().manual_seed(0)), torch.arange(SIZE) % 5
)


def contrast(batch: Batch) -> Tensor:
    """Every example against all others of the batch, so that copies are counted too."""
    rows = functional.normalize(batch.inputs)
    return functional.cross_entropy(rows @ rows.T, torch.arange(len(rows)))


@pytest.mark.parametrize(
    "loss",
    [
        lambda b: functional.cross_entropy(b.inputs, b.labels, reduction="sum"),
        lambda b: functional.cross_entropy(b.inputs, b.labels, reduction="sum") / SIZE + 1,
        lambda b: -b.inputs.square().sum(),
    ],
    ids=["sum", "divided by a constant", "negative"],
)
def test_a_loss_that_grows_with_the_batch_is_said_to_be_a_sum(
    loss: Callable[[Any], Tensor],
) -> None:
    words = words_on_sum(loss, BATCH)
    assert words is not None
    assert "it is a sum" in words
    assert "return the mean over the predictions" in words


@pytest.mark.parametrize(
    "loss",
    [
        lambda b: functional.cross_entropy(b.inputs, b.labels),
        lambda b: functional.cross_entropy(b.inputs, b.labels, reduction="none").mean(),
        lambda b: b.inputs.square().sum(1).mean(),
        lambda b: functional.dropout(b.inputs.square(), 0.5).mean(),
        contrast,
        lambda b: torch.tensor(0.0),
        lambda b: (b.inputs.reshape(SIZE, 5)).sum(),
    ],
    ids=["mean", "mean of each", "sum of entries", "dropout", "contrast", "zero", "fixed size"],
)
def test_a_mean_or_what_cannot_be_told_is_no_sum(loss: Callable[[Any], Tensor]) -> None:
    torch.manual_seed(0)
    assert words_on_sum(loss, BATCH) is None


@pytest.mark.parametrize(
    "batch", [["words"], (torch.ones(2), torch.ones(3)), torch.tensor(1.0), {}], ids=str
)
def test_a_batch_without_examples_in_common_is_not_copied(batch: object) -> None:
    def loss(given: object) -> Tensor:
        raise AssertionError(given)

    assert words_on_sum(loss, batch) is None
