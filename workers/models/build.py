"""A model of one width from its torch-free specification."""

from collections.abc import Callable
from typing import Any, Final

import torch
from torch import nn

from parametrization.nn.initialise import set_residual_multipliers
from tuner.engine.protocol import ModelSpec
from tuner.spec.families.catalogue import Gpt, Mlp
from tuner.spec.families.gan import Gan
from tuner.spec.families.model_family import ModelFamily
from tuner.spec.families.vision import Dit, Resnet, Unet, Vit
from workers.datasets.digits import CLASSES, PIXELS
from workers.datasets.stdlib_text import VOCABULARY
from workers.models import gpt
from workers.models.dit import DitModel
from workers.models.gan import GanModel
from workers.models.gpt import GptModel
from workers.models.mlp import MlpModel
from workers.models.parts import Declared
from workers.models.resnet import ResnetModel
from workers.models.unet import UnetModel
from workers.models.vit import VitModel

_BUILDERS: Final[dict[type[ModelFamily], Callable[[Any, int], nn.Module]]] = {
    Mlp: lambda config, width: MlpModel(config, width, inputs=PIXELS, outputs=CLASSES),
    Gpt: lambda config, width: GptModel(config, width, vocabulary=VOCABULARY),
    Resnet: lambda config, width: ResnetModel(config, width, classes=CLASSES),
    Vit: lambda config, width: VitModel(config, width, classes=CLASSES),
    Unet: UnetModel,
    Dit: DitModel,
    Gan: GanModel,
}
"""From the family's options and a width."""

_DECLARED: Final[dict[type[ModelFamily], Callable[[Any], Declared]]] = {Gpt: gpt.declared}
"""From the family's options; families that are not here have nothing to declare."""


def build_model(spec: ModelSpec, *, width: int | None = None, device: str = "cpu") -> nn.Module:
    """The specified family at `width` (default: the spec's own), on `device`.

    Its tensors hold torch's default initialisation, or nothing on the device `meta`:
    `parametrization.nn.initialise` draws the ones that training starts from. Its residual branches
    have their multiplier.

    Raises:
        ValueError: if the width does not fit the family, or depth one without residual branches.

    """
    with torch.device(device):
        model = _BUILDERS[type(spec.family)](spec.family, spec.width if width is None else width)
    set_residual_multipliers(model, spec.branch_multiplier)
    return model


def declared(family: ModelFamily) -> Declared:
    """Roles that the module types and shapes of this family's models cannot tell."""
    return _DECLARED[type(family)](family) if type(family) in _DECLARED else {}
