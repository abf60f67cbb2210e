"""Declare which of a family's options, and facts of its data, the built-in models' builders read.

The records of a study's specification have these attributes, and so has the part of a
recommendation that a model is built from.
"""

from typing import Literal, Protocol, TypeAlias

Activation: TypeAlias = Literal["relu", "gelu", "silu", "tanh"]
ChannelNorm: TypeAlias = Literal["batchnorm", "groupnorm"]
WidthNorm: TypeAlias = Literal["layernorm", "rmsnorm"]


class TextFacts(Protocol):
    @property
    def vocabulary(self) -> int: ...


class ImageFacts(Protocol):
    """Square images of `side` pixels, each with a number per channel."""

    @property
    def channels(self) -> int: ...
    @property
    def side(self) -> int: ...


class LabelledImageFacts(ImageFacts, Protocol):
    @property
    def classes(self) -> int: ...


class MlpOptions(Protocol):
    """Hidden layers, their norm and activation."""

    @property
    def depth(self) -> int: ...
    @property
    def norm(self) -> Literal["none", "layernorm", "rmsnorm"]: ...
    @property
    def activation(self) -> Activation: ...


class GptOptions(Protocol):
    """Blocks, heads, context and the parts of a block."""

    @property
    def depth(self) -> int: ...
    @property
    def head_size(self) -> int: ...
    @property
    def context(self) -> int: ...
    @property
    def query_heads_per_kv_head(self) -> int: ...
    @property
    def fixed_kv_heads(self) -> int | None: ...
    @property
    def qk_norm(self) -> bool: ...
    @property
    def positions(self) -> Literal["learned", "rope"]: ...
    @property
    def tied(self) -> bool: ...
    @property
    def norm(self) -> WidthNorm: ...
    @property
    def norm_gains(self) -> bool: ...
    @property
    def activation(self) -> Literal["relu", "gelu", "silu", "tanh", "swiglu"]: ...
    @property
    def experts(self) -> int: ...
    @property
    def experts_per_token(self) -> int: ...


class ResnetOptions(Protocol):
    """Residual blocks, their norm and activation."""

    @property
    def depth(self) -> int: ...
    @property
    def norm(self) -> ChannelNorm: ...
    @property
    def group_size(self) -> int: ...
    @property
    def activation(self) -> Activation: ...


class VitOptions(Protocol):
    """Blocks, heads, norm and activation."""

    @property
    def depth(self) -> int: ...
    @property
    def head_size(self) -> int: ...
    @property
    def norm(self) -> WidthNorm: ...
    @property
    def activation(self) -> Activation: ...


class UnetOptions(Protocol):
    """Resolutions, channels of a group, activation."""

    @property
    def depth(self) -> int: ...
    @property
    def group_size(self) -> int: ...
    @property
    def activation(self) -> Activation: ...


class DitOptions(Protocol):
    """Blocks, heads, images of a clip, activation."""

    @property
    def depth(self) -> int: ...
    @property
    def head_size(self) -> int: ...
    @property
    def frames(self) -> int: ...
    @property
    def activation(self) -> Activation: ...


class GanOptions(Protocol):
    """Hidden layers of either player, latents of an image, and the discriminator's penalty."""

    @property
    def depth(self) -> int: ...
    @property
    def latents(self) -> int: ...
    @property
    def activation(self) -> Activation: ...
    @property
    def gradient_penalty(self) -> float: ...
