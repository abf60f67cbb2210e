"""Multilayer perceptron of one width.

Shape suffixes: B batch, I inputs, D width, O outputs.
"""

from torch import Tensor, nn

from parametrization.nn.layers import Readout
from parametrization.nn.models.layers.parts import ACTIVATIONS, norm
from parametrization.nn.models.options import LabelledImageFacts, MlpOptions
from parametrization.shapes.family_sizes import numbers


class MlpLayer(nn.Module):
    """Linear map, norm, activation."""

    def __init__(self, config: MlpOptions, inputs: int, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, width)
        self.norm = norm(config.norm, width)
        self.activation = ACTIVATIONS[config.activation]

    def forward(self, x_BI: Tensor) -> Tensor:
        return self.activation(self.norm(self.linear(x_BI)))


class MlpModel(nn.Module):
    """`depth` hidden layers, the first one from the inputs, and a readout."""

    def __init__(self, config: MlpOptions, width: int, inputs: int, outputs: int) -> None:
        super().__init__()
        sizes = [inputs] + [width] * (config.depth - 1)
        self.layers = nn.Sequential(*(MlpLayer(config, size, width) for size in sizes))
        self.readout = Readout(width, outputs)

    def forward(self, x_BI: Tensor) -> Tensor:
        h_BD: Tensor = self.layers(x_BI)
        out_BO: Tensor = self.readout(h_BD)
        return out_BO


def build(family: MlpOptions, dataset: LabelledImageFacts, width: int) -> nn.Module:
    """From an image's numbers to its classes."""
    return MlpModel(family, width, inputs=numbers(dataset), outputs=dataset.classes)
