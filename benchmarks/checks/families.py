"""Model families that the coordinate checks run over: what to build, and real data for it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Final, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from parametrization.nn.initialise import set_residual_multipliers
from parametrization.nn.layers import Readout, Residual, attention_scale
from parametrization.nn.models import dit, gan, gpt, mlp, resnet, unet, vit
from tuner.spec.datasets.digits import Digits
from tuner.spec.datasets.imitated_digits import ImitatedDigits
from tuner.spec.datasets.noised_digits import NoisedDigits
from tuner.spec.datasets.stdlib_text import StdlibText
from tuner.spec.families.dit import Dit
from tuner.spec.families.gan import Gan
from tuner.spec.families.gpt import Gpt
from tuner.spec.families.mlp import Mlp
from tuner.spec.families.resnet import Resnet
from tuner.spec.families.unet import Unet
from tuner.spec.families.vit import Vit
from workers.datasets.data import Batch, Data
from workers.datasets.digits import load_digits_data
from workers.datasets.imitated_digits import ImitatedDigitsData
from workers.datasets.noised_digits import NoisedDigitsData
from workers.datasets.stdlib_text import load_text_data
from workers.training.objective import batch_loss, objective

CONTEXT: Final = 16
GAN: Final = Gan(name="gan")
TEXT: Final = StdlibText(name="stdlib-text")
DIGITS: Final = Digits(name="digits")
NOISED_DIGITS: Final = NoisedDigits(name="noised-digits")
IMITATED_DIGITS: Final = ImitatedDigits(name="imitated-digits")
FIXED_HEADS: Final = 2
IMAGE_WIDTHS: Final = (16, 32, 64, 128)
"""A channel is worked on at 64 pixels, so that narrow ones already cost and average enough."""


@dataclass(frozen=True, slots=True)
class CheckedFamily:
    """One family.

    Attributes:
        build: the model of a width.
        data: read once per process.
        widths: the first is the base width.
        batch_size: examples of the few updates, and of the probe.

    """

    build: Callable[[int], nn.Module]
    data: Callable[[], Data]
    widths: tuple[int, ...]
    batch_size: int
    loss: Callable[[nn.Module, Batch], Tensor] = batch_loss

    def batch(self, seed: int, step: int) -> Batch:
        """Equal at every width."""
        return self.data().batch(seed, step, self.batch_size)


class FixedHeadAttention(nn.Module):
    """One causal attention whose number of heads stays while their size grows."""

    def __init__(self, width: int, *, base_width: int, right: bool) -> None:
        super().__init__()
        self.tokens, self.positions = (
            nn.Embedding(TEXT.vocabulary, width),
            nn.Embedding(CONTEXT, width),
        )
        self.norm = nn.RMSNorm(width)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.last = nn.RMSNorm(width)
        self.readout = Readout(width, TEXT.vocabulary, bias=False)
        head_size = width // FIXED_HEADS
        self.scale = attention_scale(head_size, base_width // FIXED_HEADS) if right else None

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.tokens(tokens) + self.positions(torch.arange(tokens.shape[-1]))
        heads = self.qkv(self.norm(x)).unflatten(-1, (3, FIXED_HEADS, -1))
        q, k, v = heads.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True, scale=self.scale)
        logits: Tensor = self.readout(self.last(x + self.out(mixed.transpose(1, 2).flatten(-2))))
        return logits


class ResidualMlp(nn.Module):
    """Pre-norm residual blocks of two layers each, on digits."""

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.first = nn.Linear(DIGITS.numbers, width)
        self.blocks = nn.Sequential(*(Residual(_branch(width)) for _ in range(depth)))
        self.norm = nn.RMSNorm(width)
        self.readout = Readout(width, DIGITS.classes)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.readout(self.norm(self.blocks(self.first(x))))
        return logits


def _branch(width: int) -> nn.Module:
    up, down = nn.Linear(width, width), nn.Linear(width, width, bias=False)
    return nn.Sequential(nn.RMSNorm(width), up, nn.ReLU(), down)


_digits = cache(load_digits_data)
_noised_digits = cache(lambda: NoisedDigitsData(load_digits_data()))
_imitated_digits = cache(lambda: ImitatedDigitsData(load_digits_data(), GAN.latents))
_text = cache(partial(load_text_data, CONTEXT))


def _gpt(width: int, depth: int = 1) -> nn.Module:
    return gpt.build(Gpt(name="gpt", depth=depth, context=CONTEXT), TEXT, width)


def _mlp(width: int, **options: Any) -> nn.Module:  # noqa: ANN401 - fields of the family
    return mlp.build(Mlp(name="mlp", **options), DIGITS, width)


def _resnet(width: int, depth: int = 2, **options: Any) -> nn.Module:  # noqa: ANN401 - its fields
    return resnet.build(Resnet(name="resnet", depth=depth, **options), DIGITS, width)


def _vit(width: int, depth: int = 1) -> nn.Module:
    return vit.build(Vit(name="vit", depth=depth, head_size=8), DIGITS, width)


def _unet(width: int) -> nn.Module:
    return unet.build(Unet(name="unet", depth=2), NOISED_DIGITS, width)


def _dit(width: int) -> nn.Module:
    return dit.build(Dit(name="dit", depth=1), NOISED_DIGITS, width)


def _gan(width: int) -> nn.Module:
    return gan.build(GAN, IMITATED_DIGITS, width)


def fixed_heads(*, right: bool) -> CheckedFamily:
    """Attention with a fixed number of heads, with the right scale or 1/sqrt(head size)."""
    widths = (64, 128, 256)
    build = partial(FixedHeadAttention, base_width=widths[0], right=right)
    return CheckedFamily(build, _text, widths, 8)


FAMILIES: Final[Mapping[str, CheckedFamily]] = {
    "mlp": CheckedFamily(_mlp, _digits, (64, 128, 256, 512), 64),
    "mlp_wide": CheckedFamily(_mlp, _digits, (128, 256, 512), 64),
    "gpt": CheckedFamily(_gpt, _text, (64, 128, 256), 8),
    "resnet": CheckedFamily(_resnet, _digits, IMAGE_WIDTHS, 8),
    "resnet_batchnorm": CheckedFamily(partial(_resnet, norm="batchnorm"), _digits, IMAGE_WIDTHS, 8),
    # Few heads bend the slope of attention's output map under the right rule: -0.17 over widths
    # 16 to 128, -0.09 over 32 to 256 (16 seeds, heads of 16).
    "vit": CheckedFamily(_vit, _digits, (32, 64, 128, 256), 16),
    "unet": CheckedFamily(_unet, _noised_digits, IMAGE_WIDTHS, 8),
    "dit": CheckedFamily(_dit, _noised_digits, (64, 128, 256, 512), 8),
    "gan": CheckedFamily(_gan, _imitated_digits, (64, 128, 256, 512), 64, objective(GAN).training),
    "fixed_heads": fixed_heads(right=True),
}
"""A new family is one line."""

DEPTHS: Final = (2, 4, 8, 16)

DeepFamily: TypeAlias = Callable[[int, float], CheckedFamily]
"""From a depth and the multiplier of residual branches."""


def _deep(
    make: Callable[[int, int], nn.Module], data: Callable[[], Data], width: int, batch_size: int
) -> DeepFamily:
    """A family that depth is checked on: `make` takes a width and a depth."""

    def family(depth: int, branch_multiplier: float) -> CheckedFamily:
        def build(width: int) -> nn.Module:
            model = make(width, depth)
            set_residual_multipliers(model, branch_multiplier)
            return model

        return CheckedFamily(build, data, (width,), batch_size)

    return family


DEEP_FAMILIES: Final[Mapping[str, DeepFamily]] = {
    "residual_mlp": _deep(ResidualMlp, _digits, 64, 64),
    "gpt": _deep(_gpt, _text, 64, 8),
    "vit": _deep(_vit, _digits, 32, 8),
    "resnet": _deep(_resnet, _digits, 32, 8),
}
"""The DiT is not here: its blocks start closed, so that a few small updates move no stream at any
depth, whatever the rule."""
