"""A user's task that misbehaves as its depth says; run by workers, not by tests.

Shape suffixes: B batch, I inputs, D width.
"""

import asyncio
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from widthwise.task import Task

BEHAVIOURS = (
    *("well", "raises", "raises_deep", "exits", "leaves", "sleeps", "spins", "prints", "forks"),
    *("starts_another", "eats_memory", "moves_away", "seeds", "mixes_shapes", "returns_a_vector"),
    *("returns_a_float", "detaches", "loses_to_nan", "returns_no_model", "returns_elsewhere"),
    *("gives_no_tensor", "closes_everything", "draws", "breaks_the_gpu", "changes_settings"),
    *("cancels", "says_nothing", "says_too_much"),
)
"""By depth, the first one at 1."""
CHILD = "child.pid"
HANGS = "hangs"
"""Made when a behaviour begins to hang."""


class Net(nn.Module):
    """Two layers and a readout."""

    def __init__(self, width: int, behaviour: str) -> None:
        super().__init__()
        self.behaviour = behaviour
        self.first = nn.Linear(8, width)
        self.second = nn.Linear(width, width)
        self.last = nn.Linear(width, 1)

    def forward(self, x_BI: Tensor) -> Tensor:
        y_B1: Tensor = self.last(torch.tanh(self.second(torch.tanh(self.first(x_BI)))))
        return y_B1


def batch_of(seed: int, step: int, size: int) -> tuple[Tensor, Tensor]:
    """Numbers and their sum, by a generator of its own."""
    drawn = torch.Generator().manual_seed(1_000 * seed + step)
    x_BI = torch.randn(size, 8, generator=drawn)
    return x_BI, x_BI.sum(1, keepdim=True)


class Hostile(Task):
    base_width = 16
    depth = 1
    roles = {"last.weight": "output"}

    def model(self, width: int, depth: int) -> nn.Module | None:
        behaviour = BEHAVIOURS[depth - 1]
        if behaviour == "returns_no_model":
            return None
        model = Net(width, behaviour)
        return model.to("meta") if behaviour == "returns_elsewhere" else model

    def batch(self, seed: int, step: int, size: int) -> tuple[Tensor, Tensor]:
        return batch_of(seed, step, size)

    def loss(self, model: Net, batch: tuple[Tensor, Tensor]) -> object:
        inputs, targets = batch
        if model.behaviour in PRANKS:
            PRANKS[model.behaviour]()
        loss = (model(inputs) - targets).square().mean()
        return ODD_LOSSES[model.behaviour](loss) if model.behaviour in ODD_LOSSES else loss


class OtherBatches(Hostile):
    """Whose batches are other ones whenever they are asked for."""

    def batch(self, seed: int, step: int, size: int) -> tuple[Tensor, Tensor]:
        return batch_of(time.monotonic_ns() % 2**31, step, size)


def _raise() -> None:
    raise RuntimeError("the user's own error")


def _raise_deep() -> None:
    np.linalg.inv(np.zeros((2, 2)))


def _sleep() -> None:
    Path(HANGS).touch()
    time.sleep(1_000)


def _spin() -> None:
    Path(HANGS).touch()
    re.match("(a+)+$", "a" * 60 + "b")  # keeps the interpreter's lock for years


def _print() -> None:
    print("x" * 100_000)
    os.write(1, b'{"kind": "done"}\n' * 1_000)


def _fork() -> None:
    os.fork()  # and both come back


def _start_another() -> None:
    child = subprocess.Popen(["sleep", "1000"])
    Path(CHILD).write_text(str(child.pid))
    _sleep()


def _eat_memory() -> None:
    kept = []
    while True:
        kept.append(torch.ones(2**24))


def _seed() -> None:
    torch.manual_seed(time.monotonic_ns() % 2**31)
    np.random.seed(None)
    random.seed()


def _close() -> None:
    os.closerange(3, 1_000)


def _break_the_gpu() -> None:
    raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise ValueError("no words")


def _cancel() -> None:
    raise asyncio.CancelledError("given up")


def _say_nothing() -> None:
    raise Unspeakable


def _say_too_much() -> None:
    raise RuntimeError("x" * 10**7)


def _with_other_settings(loss: Tensor) -> Tensor:
    torch.set_default_dtype(torch.float64)
    torch.set_grad_enabled(False)
    torch.set_num_threads(2)
    return loss


PRANKS: dict[str, Callable[[], object]] = {
    "raises": _raise,
    "raises_deep": _raise_deep,
    "exits": lambda: sys.exit("enough"),
    "leaves": lambda: os._exit(3),
    "sleeps": _sleep,
    "spins": _spin,
    "prints": _print,
    "forks": _fork,
    "starts_another": _start_another,
    "eats_memory": _eat_memory,
    "moves_away": lambda: os.chdir("/"),
    "seeds": _seed,
    "closes_everything": _close,
    "breaks_the_gpu": _break_the_gpu,
    "cancels": _cancel,
    "says_nothing": _say_nothing,
    "says_too_much": _say_too_much,
    "mixes_shapes": lambda: torch.ones(3) + torch.ones(4),
}
ODD_LOSSES: dict[str, Callable[[Tensor], object]] = {
    "returns_a_vector": lambda loss: loss.repeat(3),
    "returns_a_float": lambda loss: loss.item(),
    "detaches": lambda loss: loss.detach(),
    "changes_settings": _with_other_settings,
    "loses_to_nan": lambda loss: loss * float("nan"),
    "gives_no_tensor": lambda loss: None,
    "draws": lambda loss: loss * (1 + torch.rand(()) / 100),
}
