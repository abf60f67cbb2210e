"""A model of one width from its torch-free specification."""

import torch
from torch import nn

from tuner.engine import ModelSpec
from tuner.families import Mlp
from workers.datasets.digits import CLASSES, PIXELS
from workers.datasets.stdlib_text import VOCABULARY
from workers.models.gpt import GptModel
from workers.models.mlp import MlpModel


def build_model(spec: ModelSpec, *, width: int | None = None, device: str = "cpu") -> nn.Module:
    """The specified family at `width` (default: the spec's own), on `device`.

    Its tensors hold torch's default initialisation, or nothing on the device `meta`:
    `parametrization.initialise` draws the ones that training starts from.

    Raises:
        ValueError: if the width does not fit the family.

    """
    width = spec.width if width is None else width
    with torch.device(device):
        if isinstance(spec.family, Mlp):
            return MlpModel(spec.family, width, inputs=PIXELS, classes=CLASSES)
        return GptModel(spec.family, width, vocabulary=VOCABULARY)
