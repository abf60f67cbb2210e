"""Multilayer perceptron of one width.

Shape suffixes: B batch, I inputs, D width, O outputs.
"""

from torch import Tensor, nn

from parametrization.nn.layers import Readout
from tuner.spec.datasets.dataset import LabelledImages
from tuner.spec.families.mlp import Mlp
from workers.models.layers.parts import ACTIVATIONS, norm


class MlpLayer(nn.Module):
    """Linear map, norm, activation."""

    def __init__(self, config: Mlp, inputs: int, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, width)
        self.norm = norm(config.norm, width)
        self.activation = ACTIVATIONS[config.activation]

    def forward(self, x_BI: Tensor) -> Tensor:
        return self.activation(self.norm(self.linear(x_BI)))


class MlpModel(nn.Module):
    """`depth` hidden layers, the first one from the inputs, and a readout."""

    def __init__(self, config: Mlp, width: int, inputs: int, outputs: int) -> None:
        super().__init__()
        sizes = [inputs] + [width] * (config.depth - 1)
        self.layers = nn.Sequential(*(MlpLayer(config, size, width) for size in sizes))
        self.readout = Readout(width, outputs)

    def forward(self, x_BI: Tensor) -> Tensor:
        h_BD: Tensor = self.layers(x_BI)
        out_BO: Tensor = self.readout(h_BD)
        return out_BO


def build(family: Mlp, dataset: LabelledImages, width: int) -> nn.Module:
    """From an image's numbers to its classes."""
    return MlpModel(family, width, inputs=dataset.numbers, outputs=dataset.classes)
