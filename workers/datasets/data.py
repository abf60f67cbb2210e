"""Define datasets for training: batches that any step can ask for again.

Draws are keyed by (seed, step), so a trial sees the same data alone, in company, resumed on
another machine, and at every width.
"""

import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils import _pytree as pytree


class Batch(NamedTuple):
    """Inputs and what to predict.

    Classes are integers, in the shape of the logits without their last dimension; numbers are
    floating, in the shape of the model's output. Of a user's own task the inputs are all of its
    batch, a tensor or a nest of tensors, and the targets do no more than count examples.
    """

    inputs: Any
    targets: Tensor

    def on(self, device: torch.device) -> "Batch":
        """The batch on a device; itself if it is there."""
        if isinstance(self.inputs, Tensor):
            return Batch(*(tensor.to(device, non_blocking=True) for tensor in self))
        move = partial(Tensor.to, device=device, non_blocking=True)
        return Batch(pytree.tree_map_only(Tensor, move, self.inputs), self.targets.to(device))

    def parts(self, count: int) -> "Iterator[Batch]":
        """Equal parts, in the batch's order.

        Raises:
            ValueError: if a tensor has no first dimension of one entry per example.

        """
        leaves, structure = pytree.tree_flatten(self)
        if any(not isinstance(one, Tensor) or len(one) != len(self.targets) for one in leaves):
            raise ValueError(
                "microbatches (accumulation) need batches of tensors whose first dimension counts"
                f" the {len(self.targets)} examples: use accumulation 1"
            )
        pieces = zip(*(tensor.chunk(count) for tensor in leaves), strict=True)
        return (pytree.tree_unflatten(piece, structure) for piece in pieces)


def stacked(batches: Sequence[Batch]) -> Batch:
    """Batches of one form, each of their tensors stacked: [K, ...]."""
    together: Batch = pytree.tree_map(lambda *own: torch.stack(own), *batches)
    return together


def flattened(batch: Batch | Tensor) -> tuple[list[Tensor], tuple[Any, ...]]:
    """A batch's tensors, and its form: how they are nested, their shapes and types.

    Raises:
        TypeError: if it holds anything but tensors, whose values a traced program would keep.

    """
    leaves, structure = pytree.tree_flatten(batch)
    if odd := [one for one in leaves if not isinstance(one, Tensor)]:
        raise TypeError(
            f"a batch that several trials share holds {odd[0]!r:.60}, not tensors alone"
        )
    return leaves, (structure, tuple((one.shape, one.dtype) for one in leaves))


class Data(Protocol):
    """A dataset, split into training and validation."""

    @property
    def sha256(self) -> str:
        """Hash of everything that batches are made of."""

    def batch(self, seed: int, step: int, batch_size: int) -> Batch:
        """Training batch of update number `step` (0-based)."""

    def validation(self) -> Iterator[Batch]:
        """The fixed validation set, in batches small enough for any model that trains."""


@runtime_checkable
class GatheredData(Data, Protocol):
    """A dataset whose training batches are rows of tensors, which a GPU can hold.

    `batch(...)` is `gathered(whole(), drawn(...))`, bit for bit, wherever that is done.
    """

    @property
    def whole_bytes(self) -> int:
        """Size of `whole`, known without making it."""

    def whole(self) -> tuple[Tensor, ...]:
        """The tensors that batches are gathered from."""

    def drawn(self, seed: int, step: int, batch_size: int) -> Tensor:
        """Rows of the batch of update number `step`; int64, [B]."""

    def gathered(self, whole: tuple[Tensor, ...], drawn: Tensor) -> Batch:
        """Batches of rows, by operations on the tensors' device that never wait for it.

        Args:
            whole: as `whole` gave it, on any device.
            drawn: [..., B], there too.

        """


def keyed_draws(seed: int, step: int, count: int, below: int, stream: int = 0) -> Tensor:
    """`count` numbers in [0, below), a pure function of all arguments, shape [count].

    Philox's raw stream is part of numpy's compatibility promise, its distributions are not. The
    bias of the remainder is below / 2**64.

    Args:
        stream: draws of another stream are independent of these.

    """
    draws = _philox(seed, step, count, stream) % np.uint64(below)
    return torch.from_numpy(draws.astype(np.int64))


def keyed_uniforms(seed: int, step: int, count: int, stream: int) -> Tensor:
    """`count` fp64 numbers in (0, 1), a pure function of all arguments, shape [count]."""
    mantissas = _philox(seed, step, count, stream) >> np.uint64(12)
    return torch.from_numpy((mantissas.astype(np.float64) + 0.5) * 2.0**-52)


def keyed_normals(seed: int, step: int, count: int, stream: int) -> Tensor:
    """`count` standard normal fp64 numbers, a pure function of all arguments, shape [count].

    By Box and Muller's method: equal on every machine but for the rounding of its logarithms.
    """
    pairs = (count + 1) // 2
    radius, angle = keyed_uniforms(seed, step, 2 * pairs, stream).view(2, pairs)
    radius = (-2 * radius.log()).sqrt()
    angle = 2 * math.pi * angle
    return torch.cat((radius * angle.cos(), radius * angle.sin()))[:count]


def _philox(seed: int, step: int, count: int, stream: int) -> npt.NDArray[np.uint64]:
    """Raw numbers; a stream is 2**192 blocks of the generator long."""
    generator = np.random.Philox(
        key=np.array([seed, step], dtype=np.uint64),
        counter=np.array([0, 0, 0, stream], dtype=np.uint64),
    )
    drawn: npt.NDArray[np.uint64] = generator.random_raw(count)
    return drawn
