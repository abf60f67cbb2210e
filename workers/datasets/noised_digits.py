"""Digits under noise, and the noise to predict: diffusion of images and of short clips.

Shape suffixes: B batch, F frames, P pixels of a frame, H rows, W columns.
"""

import hashlib
import math
from collections.abc import Iterator
from typing import Final

import torch
from torch import Tensor

from tuner.spec.datasets.noised_digits import NoisedDigits
from tuner.spec.families.model_family import ModelFamily
from workers.datasets.data import Batch, keyed_draws, keyed_normals, keyed_uniforms
from workers.datasets.digits import DigitsData, load_digits_data

_NOISE, _TIMES, _WAYS, _VALIDATION_NOISE = range(1, 5)  # streams; images are drawn from 0
_VALIDATION_SEED: Final = 0
_VALIDATION_PASSES: Final = 4
_STEPS_OF_A_WAY: Final = ((0, 1), (0, -1), (1, 0), (-1, 0))


class NoisedDigitsData:
    """Inputs [B, F * P + 1]: noised pixels and, last, the time in (0, 1); targets the noise.

    At time t a pixel x with noise e is cos(pi t / 2) x + sin(pi t / 2) e: Nichol and Dhariwal's
    cosine schedule (2021, arXiv:2102.09672) without its offset. Both have variance 1, so the sum
    has too. Times of a batch are evenly spaced from a random start (Kingma et al. 2021,
    arXiv:2107.00630, App. I.1), which takes most of the noise out of the loss.

    Args:
        digits: the clean images, and how they are drawn and split.
        frames: of a clip, in which the digit moves by a pixel a frame in one of four ways, out of
            the picture on one side and in on the other.

    """

    def __init__(self, digits: DigitsData, frames: int = 1) -> None:
        self._digits = digits
        self._frames = frames
        made_of = f"{digits.sha256} cosine noise, frames {frames}"
        self.sha256 = hashlib.sha256(made_of.encode()).hexdigest()

    def batch(self, seed: int, step: int, batch_size: int) -> Batch:
        """Training batch of update number `step` (0-based)."""
        images_BP = self._digits.batch(seed, step, batch_size).inputs
        start = keyed_uniforms(seed, step, 1, _TIMES)
        times_B = (start + torch.arange(batch_size) / batch_size) % 1.0
        ways_B = keyed_draws(seed, step, batch_size, len(_STEPS_OF_A_WAY), _WAYS)
        return self._noised(images_BP, ways_B, times_B, (seed, step, _NOISE))

    def validation(self) -> Iterator[Batch]:
        """Every held-out image, four times under noise of another strength."""
        for images in self._digits.validation():
            count = len(images.inputs)
            for number in range(_VALIDATION_PASSES):
                place = (number + 0.5) / _VALIDATION_PASSES
                times_B = (torch.arange(count, dtype=torch.float64) + place) / count
                ways_B = (torch.arange(count) + number) % len(_STEPS_OF_A_WAY)
                key = (_VALIDATION_SEED, number, _VALIDATION_NOISE)
                yield self._noised(images.inputs, ways_B, times_B, key)

    def _noised(
        self, images_BP: Tensor, ways_B: Tensor, times_B: Tensor, key: tuple[int, int, int]
    ) -> Batch:
        clips = self._moving(images_BP, ways_B).double()
        seed, step, stream = key
        noise = keyed_normals(seed, step, clips.numel(), stream).view_as(clips)
        angles_B1 = times_B[:, None] * (math.pi / 2)
        noised = angles_B1.cos() * clips + angles_B1.sin() * noise
        inputs = torch.cat((noised, times_B[:, None]), dim=1)
        return Batch(inputs.to(images_BP.dtype), noise.to(images_BP.dtype))

    def _moving(self, images_BP: Tensor, ways_B: Tensor) -> Tensor:
        """Clips of the images, [B, F * P]."""
        images_BHW = images_BP.view(-1, NoisedDigits.side, NoisedDigits.side)
        moved_4BFP = torch.stack(
            [
                torch.stack(
                    [
                        images_BHW.roll((rows * frame, columns * frame), (1, 2)).flatten(1)
                        for frame in range(self._frames)
                    ],
                    dim=1,
                )
                for rows, columns in _STEPS_OF_A_WAY
            ]
        )
        return moved_4BFP[ways_B, torch.arange(len(ways_B))].flatten(1)


def load(_dataset: NoisedDigits, family: ModelFamily) -> NoisedDigitsData:
    """Images, or clips of as many frames as the family's examples have."""
    return NoisedDigitsData(load_digits_data(), family.frames_per_example)
