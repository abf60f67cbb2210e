"""Generator and discriminator of one width.

Shape suffixes: B batch, P pixels, I latent and perturbation of a digit.
"""

from typing import Literal, NamedTuple

from torch import Tensor, nn

from parametrization.nn.models.mlp import MlpModel
from parametrization.nn.models.options import Activation, GanOptions, ImageFacts
from parametrization.shapes.family_sizes import numbers


class _Player(NamedTuple):
    """Options of the multilayer perceptron that either player is."""

    depth: int
    activation: Activation
    norm: Literal["none"] = "none"


class GanModel(nn.Module):
    """Two multilayer perceptrons: from latents to pixels, and from pixels to one logit.

    Pixels and logit are of a fixed size, so that each player is a model of its own to the rules.
    """

    def __init__(self, config: GanOptions, width: int, dataset: ImageFacts) -> None:
        super().__init__()
        player = _Player(config.depth, config.activation)
        self.latents, self.gradient_penalty = config.latents, config.gradient_penalty
        self.generator = MlpModel(player, width, inputs=config.latents, outputs=numbers(dataset))
        self.discriminator = MlpModel(player, width, inputs=numbers(dataset), outputs=1)

    def forward(self, inputs_BI: Tensor) -> Tensor:
        pixels_BP: Tensor = self.generator(inputs_BI[:, : self.latents])
        return pixels_BP


def build(family: GanOptions, dataset: ImageFacts, width: int) -> nn.Module:
    """From latents to images, and from images to a logit of their being real."""
    return GanModel(family, width, dataset)
