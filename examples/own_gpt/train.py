"""Train a small GPT on the text of this folder, or have Widthwise tune it: `widthwise tune`.

python train.py                                      trains it once, as ever
widthwise tune train.py:Task --target-width 1024     finds its learning rate for width 1024
"""

from pathlib import Path

import torch
from model import HEAD_SIZE, Gpt
from torch import Tensor
from torch.nn import functional

import widthwise

CONTEXT = 32
TEXT = torch.frombuffer(
    bytearray(Path(__file__).with_name("model.py").read_bytes()), dtype=torch.uint8
)


def get_batch(size: int) -> tuple[Tensor, Tensor]:
    """Tokens and those that follow them, drawn with torch's own random numbers."""
    starts = torch.randint(len(TEXT) - CONTEXT - 1, (size,))
    windows = torch.stack([TEXT[start : start + CONTEXT + 1].long() for start in starts])
    return windows[:, :-1], windows[:, 1:]


def cross_entropy(model: torch.nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    """Mean over all tokens of the batch."""
    inputs, targets = batch
    return functional.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())


# This class is all that Widthwise needs.
class Task(widthwise.Task):
    """The GPT of this folder, on its own source."""

    base_width, width_divisor, tokens_per_example = 64, HEAD_SIZE, CONTEXT
    blocks = ["layers.*"]

    def model(self, width: int, depth: int) -> Gpt:
        return Gpt(width, depth, CONTEXT, vocabulary=256)

    def loss(self, model: torch.nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        return cross_entropy(model, batch)

    def batch(self, seed: int, step: int, size: int) -> tuple[Tensor, Tensor]:
        return get_batch(size)


def main() -> None:
    """Train one model."""
    torch.manual_seed(0)
    model = Gpt(width=128, layers=2, context=CONTEXT, vocabulary=256)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for step in range(200):
        loss = cross_entropy(model, get_batch(16))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 50 == 0:
            print(f"step {step}: loss {loss.item():.3f}")


if __name__ == "__main__":
    main()
