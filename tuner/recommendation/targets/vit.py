"""Read the config.json of a vision transformer of Hugging Face's.

Source: transformers 5.24.0, `models/vit`: ViTForImageClassification.
"""

from collections.abc import Iterator
from typing import Final

from tuner.recommendation.exports.frameworks.namings import VIT, Part
from tuner.recommendation.targets.described import (
    DescribedTarget,
    DescribedTensor,
    IllegalConfiguration,
    weight,
)
from tuner.recommendation.targets.fields import MOST_BLOCKS, Fields, divided
from tuner.recommendation.targets.forward_pass import unread

_GELU: Final = ("hidden_act", frozenset({"gelu", "gelu_pytorch_tanh"}))


def read_vit(fields: Fields) -> DescribedTarget:
    """The target that a config describes.

    Raises:
        IllegalConfiguration: if a field is wrong.

    """
    width, heads = fields.size("hidden_size"), fields.size("num_attention_heads")
    depth = fields.size("num_hidden_layers", most=MOST_BLOCKS)
    wide = fields.size("intermediate_size", default=4 * width)
    image, patch = fields.sides("image_size", default=224), fields.sides("patch_size", default=16)
    grid = [side // part for side, part in zip(image, patch, strict=True)]
    if 0 in grid:
        raise IllegalConfiguration("patch_size", "must be at most image_size")
    kernel = (width, fields.size("num_channels", default=3), *patch)
    labels = fields.entries("id2label", default=fields.size("num_labels", default=2))
    qkv_bias = fields.flag("qkv_bias", default=True)

    def block(number: str) -> Iterator[DescribedTensor]:
        at = {part: module.replace("*", number) for part, module in VIT.items()}
        for part in (Part.QUERY, Part.KEY, Part.VALUE):
            yield from weight(at[part], part, (width, width), bias=qkv_bias)
        out, up, down = Part.ATTENTION_OUT, Part.UP, Part.DOWN
        yield from weight(at[out], out, (width, width), bias=True)
        for norm in (Part.ATTENTION_NORM, Part.FEED_FORWARD_NORM):
            yield from weight(at[norm], norm, (width,), bias=True)
        yield from weight(at[up], up, (wide, width), bias=True)
        yield from weight(at[down], down, (width, wide), bias=True)

    def tensors() -> Iterator[DescribedTensor]:
        token, table = Part.CLASS_TOKEN, Part.POSITION_TABLE
        places = (1, grid[0] * grid[1] + 1, width)
        yield DescribedTensor(name="vit.embeddings.cls_token", shape=(1, 1, width), part=token)
        yield DescribedTensor(name="vit.embeddings.position_embeddings", shape=places, part=table)
        yield from weight(VIT[Part.PATCHES], Part.PATCHES, kernel, bias=True)
        for number in range(depth):
            yield from block(str(number))
        yield from weight(VIT[Part.FINAL_NORM], Part.FINAL_NORM, (width,), bias=True)
        yield from weight(VIT[Part.READOUT], Part.READOUT, (labels, width))
        name = f"{VIT[Part.READOUT]}.bias"
        yield DescribedTensor(name=name, shape=(labels,), part=Part.READOUT, grows=False)

    return DescribedTarget(
        source="Hugging Face vit",
        width=width,
        depth=depth,
        heads=heads,
        kv_heads=heads,
        head_size=divided(width, heads, "num_attention_heads", "hidden_size"),
        feed_forward=wide,
        tied=False,
        tensors=tuple(tensors()),
        unread=tuple(unread(fields, depth=depth, activation=_GELU)),
    )
