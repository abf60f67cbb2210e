"""The family `gan`: a generator and a discriminator that train each other."""

from typing import ClassVar, Final, Literal

from pydantic import Field

from parametrization.recommendation.target import Comparison
from parametrization.shapes.parameter_counts import perceptron
from tuner.spec.datasets.dataset import Dataset, ImitatedImages
from tuner.spec.families.model_family import (
    ModelFamily,
)

_TWO_LOSSES: Final = (
    "its discriminator answers for two losses, and these optimizers read what a layer sees and"
    " sends back without telling them apart"
)
_FADES: Final = (
    "the gradient that reaches its generator through the discriminator fades with width (as"
    " width^-0.5 up to 512), and these steps are as long as their gradient"
)


class Gan(ModelFamily):
    """Generative adversarial pair: two multilayer perceptrons of one width, trained at once.

    The generator makes digits from normal latents, the discriminator tells them from real ones.
    Their losses do not measure the digits: trials are compared by the Fréchet distance between
    generated and held-out ones.
    """

    trains_on: ClassVar = ImitatedImages
    builder: ClassVar = "parametrization.nn.models.gan:build"
    training_loss: ClassVar = "workers.models.adversarial:adversarial_loss"
    validation_loss: ClassVar = "workers.models.adversarial:generated_distance"
    refused_optimizers: ClassVar = {
        **dict.fromkeys(("kfac", "ekfac"), _TWO_LOSSES),
        **dict.fromkeys(("sgd", "sgd_nesterov"), _FADES),
    }
    refuses_recomputation: ClassVar = (
        "its discriminator passes judgement twice a step, once with its tensors held still, and"
        " would be computed again with moving ones"
    )
    no_depth_rule: ClassVar = "its players' layers are no residual blocks"
    compared_by: ClassVar = Comparison(
        metric="validation_loss",
        name="Fréchet distance",
        words="Fréchet distance between generated and held-out digits, per pixel",
    )

    name: Literal["gan"]
    depth: int = Field(default=2, ge=1, le=64)
    """Hidden layers of either player, the first one (input to width) included."""
    latents: int = Field(default=16, ge=1, le=1024)
    """Normal numbers that a digit is made from."""
    activation: Literal["relu", "gelu", "silu", "tanh"] = "silu"
    gradient_penalty: float = Field(default=1.0, ge=0, le=1_000)
    """Half of it times the square of the discriminator's slope at real digits is added to its loss:
    without, it learns faster than the generator can follow."""

    @property
    def latents_per_example(self) -> int:
        """Normal numbers that a digit is made from."""
        return self.latents

    def positions_per_example(self, _dataset: Dataset) -> float:
        """Passes, on average over both players.

        The generator's parameters work once a digit. The discriminator's see a real digit, a
        generated one and, for the penalty, a perturbed one; and the generated one again for the
        generator's sake, a pass without the third of its products that is for their own gradient.
        """
        passes = 2 + bool(self.gradient_penalty)
        return (1 + passes + 2 / 3) / 2

    def parameters(self, dataset: Dataset, width: int) -> int | None:
        """Parameters of both players."""
        if not isinstance(dataset, ImitatedImages):
            return None
        image = dataset.numbers
        generator = perceptron(width, self.depth, self.latents, image)
        return generator + perceptron(width, self.depth, image, 1)
