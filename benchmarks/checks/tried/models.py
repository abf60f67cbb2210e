"""The twenty models that people have, each with what it took to have it scaled and checked."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple

from torch import Tensor, nn

from benchmarks.checks.tried import text_models, transformers_models, vision_models
from benchmarks.checks.tried.data import (
    class_loss,
    encoder_decoder_loss,
    image_batch,
    noise_loss,
    noised_batch,
    text_batch,
    token_loss,
)

TEXT: Final = (64, 128, 256)
IMAGES: Final = (16, 32, 64)


class Tried(NamedTuple):
    """One model by width.

    Attributes:
        found: as people have it.
        build: as it is scaled and checked: `found`, where nothing had to change.
        changes: what was changed in it, in words.
        widths: of the check, the base first.
        origin: the library it is from, or that it is written here.
        output_multiplier: of the check. At 1 a tied readout's logits are the root of the base width
            at first, which saturates: the check says so.

    """

    found: Callable[[int], nn.Module]
    loss: Callable[[nn.Module, Any], Tensor]
    batch: Callable[[int, int], Any]
    widths: tuple[int, ...]
    origin: str
    build: Callable[[int], nn.Module] | None = None
    changes: tuple[str, ...] = ()
    output_multiplier: float = 1.0


_HF: Final = "transformers"
_WRITTEN: Final = "written here from torch's layers"


def _text(build: Callable[[int], nn.Module], origin: str = _HF) -> Tried:
    return Tried(build, token_loss, text_batch, TEXT, origin)


def _tied(build: Callable[[int], nn.Module], origin: str = _HF) -> Tried:
    return _text(build, origin)._replace(output_multiplier=1 / 8)


def _images(
    build: Callable[[int], nn.Module], origin: str = _WRITTEN, widths: tuple[int, ...] = IMAGES
) -> Tried:
    return Tried(build, class_loss, image_batch, widths, origin)


MODELS: Final[dict[str, Tried]] = {
    "nanoGPT": _tied(text_models.NanoGpt, _WRITTEN),
    "nanoGPT-mup": _tied(text_models.nano_gpt_mup, _WRITTEN)._replace(
        build=text_models.NanoGpt, changes=("mup_enabled=False",)
    ),
    "HF GPT-2": _tied(transformers_models.gpt2),
    "HF Llama": _text(transformers_models.llama),
    "HF Qwen2": _text(transformers_models.qwen2),
    "HF Qwen3": _text(transformers_models.qwen3),
    "HF Mixtral": _text(transformers_models.mixtral),
    "HF BERT": _tied(transformers_models.bert),
    "HF ViT": _images(transformers_models.vit, _HF, TEXT),
    "HF Mamba": _text(transformers_models.mamba),
    "HF T5": Tried(
        transformers_models.t5,
        encoder_decoder_loss,
        text_batch,
        TEXT,
        _HF,
        partial(transformers_models.t5, scales=False),
        ("scale_decoder_outputs=False",),
        output_multiplier=1 / 8,
    ),
    "timm ViT": _images(vision_models.TimmVit, widths=TEXT),
    "timm ResNet": _images(vision_models.timm_resnet),
    "torchvision ResNet-18": _images(vision_models.ResNet),
    "mup ResNet": _images(vision_models.mup_resnet),
    "mup MLP": _images(vision_models.MupMlp, widths=TEXT),
    "mup Transformer": _text(text_models.MupTransformer, _WRITTEN),
    "diffusers UNet2D": Tried(
        vision_models.diffusers_unet, noise_loss, noised_batch, (32, 64, 128), "diffusers"
    ),
    "nn.TransformerEncoder": _text(text_models.Encoder, _WRITTEN),
    "nn.LSTM": _text(text_models.Lstm, _WRITTEN),
}
