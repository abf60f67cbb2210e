"""Batches for the models that are tried: bytes of Python's own sources, and handwritten digits."""

import sysconfig
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional

Pair: TypeAlias = tuple[Tensor, Tensor]
_BYTES: Final = 2_000_000
_ROWS: Final = 8
_LENGTH: Final = 32
_DIGITS: Final = 32


def text_batch(seed: int, step: int) -> Pair:
    """Rows of bytes, and the bytes that follow."""
    generator = _generator(seed, step)
    starts = torch.randint(len(_text()) - _LENGTH - 1, (_ROWS,), generator=generator)
    rows = torch.stack([_text()[at : at + _LENGTH + 1] for at in starts])
    return rows[:, :-1].contiguous(), rows[:, 1:].contiguous()


def image_batch(seed: int, step: int) -> Pair:
    """Digits of 32 x 32 pixels in three channels, and their classes."""
    images, classes = _digits()
    chosen = torch.randint(len(images), (_DIGITS,), generator=_generator(seed, step))
    wide = functional.interpolate(images[chosen], size=32).expand(-1, 3, -1, -1)
    return wide.contiguous(), classes[chosen]


def noised_batch(seed: int, step: int) -> tuple[Tensor, Tensor, Tensor]:
    """Noised digits of 16 x 16 pixels, their times, and the noise."""
    generator = _generator(seed, step)
    images, _ = _digits()
    chosen = torch.randint(len(images), (_ROWS,), generator=generator)
    clean = functional.interpolate(images[chosen], size=16).expand(-1, 3, -1, -1)
    noise = torch.randn(clean.shape, generator=generator)
    times = torch.randint(1000, (_ROWS,), generator=generator)
    signal = torch.cos(times / 1000 * torch.pi / 2)[:, None, None, None]
    return signal * clean + (1 - signal.square()).sqrt() * noise, times, noise


def token_loss(model: nn.Module, batch: Pair) -> Tensor:
    """Cross-entropy of the next byte, whatever a model's output is called."""
    return functional.cross_entropy(_logits(model(batch[0])).flatten(0, 1), batch[1].flatten())


def encoder_decoder_loss(model: nn.Module, batch: Pair) -> Tensor:
    """Cross-entropy of the next byte by a decoder that reads the same row's encoding."""
    logits = _logits(model(input_ids=batch[0], decoder_input_ids=batch[0]))
    return functional.cross_entropy(logits.flatten(0, 1), batch[1].flatten())


def class_loss(model: nn.Module, batch: Pair) -> Tensor:
    """Cross-entropy of an image's class."""
    return functional.cross_entropy(_logits(model(batch[0])), batch[1])


def noise_loss(model: nn.Module, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Squared error of the predicted noise."""
    return functional.mse_loss(model(batch[0], batch[1]).sample, batch[2])


def _logits(output: Any) -> Tensor:  # noqa: ANN401  # a tensor, or an output of transformers
    logits: Tensor = getattr(output, "logits", output)
    return logits


def _generator(seed: int, step: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed * 100003 + step)


@cache
def _text() -> Tensor:
    sources, found = sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py")), bytearray()
    for path in sources:
        found += path.read_bytes()
        if len(found) > _BYTES:
            break
    return torch.frombuffer(found, dtype=torch.uint8).long()


@cache
def _digits() -> Pair:
    digits = load_digits()
    images = torch.tensor(digits.data, dtype=torch.float32).view(-1, 1, 8, 8)
    return (images - images.mean()) / images.std(), torch.tensor(digits.target)
