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


class Sequences(NamedTuple):
    """Tokens and targets of one length, and a label of each sequence."""

    tokens: Tensor
    targets: Tensor
    labels: Tensor


LENGTH, VOCABULARY = 32, 11
_DRAW = torch.Generator().manual_seed(0)
TABLE = torch.randn(VOCABULARY, VOCABULARY, generator=_DRAW)
_TOKENS, _TARGETS = torch.randint(VOCABULARY, (2, SIZE, LENGTH), generator=_DRAW)
SEQUENCES = Sequences(_TOKENS, _TARGETS, torch.arange(SIZE) % VOCABULARY)


def each(batch: Sequences) -> Tensor:
    """Losses of all positions, every one of which sees those before it."""
    seen = TABLE[batch.tokens].cumsum(1) / torch.arange(1, 1 + batch.tokens.shape[1])[:, None]
    return functional.cross_entropy(seen.transpose(1, 2), batch.targets, reduction="none")


def next_token(batch: Sequences) -> Tensor:
    """Of one tensor, which holds inputs and targets, a sum of one position less."""
    logits = TABLE[batch.tokens[:, :-1]].flatten(0, 1)
    targets = batch.tokens[:, 1:].flatten()
    return functional.cross_entropy(logits, targets, reduction="sum") / len(batch.tokens)


def with_mask(batch: Sequences) -> Tensor:
    """Behind a mask of [1, length, length] that the batch does not hold."""
    length = batch.tokens.shape[1]
    shares = torch.ones(length, length).tril().softmax(-1)
    logits = shares @ TABLE[batch.tokens]
    return functional.cross_entropy(logits.flatten(0, 1), batch.targets.flatten())


def of_one_length(batch: Sequences) -> Tensor:
    """What takes no other length cannot be told."""
    return (each(batch) * torch.linspace(0, 1, LENGTH)).sum(1).mean()


@pytest.mark.parametrize(
    "loss",
    [lambda b: each(b).sum(1).mean(), next_token, lambda b: 1e-3 * each(b).sum(1).mean()],
    ids=["sum", "sum of next tokens", "times a constant"],
)
def test_a_loss_that_grows_with_the_sequence_is_said_to_be_a_sum(
    loss: Callable[[Any], Tensor],
) -> None:
    words = words_on_sum(loss, SEQUENCES)
    assert words is not None
    assert "it is a sum over the sequence" in words


@pytest.mark.parametrize(
    "loss",
    [
        lambda b: each(b).mean(),
        lambda b: each(b)[:, b.tokens.shape[1] // 2 :].mean(),
        lambda b: functional.cross_entropy(TABLE[b.tokens].mean(1), b.labels),
        lambda b: functional.cross_entropy(TABLE[b.tokens].sum(1), b.labels),
        lambda b: b.tokens.double().cumsum(1).square().mean(),
        lambda b: b.tokens.double().sum(1).square().mean(),
        with_mask,
        of_one_length,
        lambda b: torch.tensor(0.0),
    ],
    ids=[
        *("mean", "masked", "label", "label of a sum", "walk", "square of a sum"),
        *("mask", "one length", "zero"),
    ],
)
def test_a_mean_over_sequences_is_no_sum_however_it_goes_along_them(
    loss: Callable[[Any], Tensor],
) -> None:
    assert words_on_sum(loss, SEQUENCES) is None
