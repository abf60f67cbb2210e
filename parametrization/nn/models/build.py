"""A built-in family's model from its options as a document stores them."""

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, Final

import torch
from torch import nn

from parametrization.nn.models import dit, gan, gpt, mlp, resnet, unet, vit

BUILDERS: Final[Mapping[str, Callable[..., nn.Module]]] = {
    "mlp": mlp.build,
    "gpt": gpt.build,
    "resnet": resnet.build,
    "vit": vit.build,
    "unet": unet.build,
    "dit": dit.build,
    "gan": gan.build,
}
"""By the family's name, (options, facts of its data, width) -> model."""


def build_family(
    family: Mapping[str, Any], data: Mapping[str, Any], *, width: int, depth: int, device: str
) -> nn.Module:
    """The model of a width and depth, with torch's default initialisation.

    Args:
        family: its name and options.
        data: facts that the first and last layer follow, as `models/options.py` names them; those
            that are None are missing.
        device: device of its tensors; those on `meta` have no values.

    Raises:
        ValueError: if no such family is built in, or one of its options or facts is missing.

    """
    name = str(family.get("name"))
    if name not in BUILDERS:
        known = ", ".join(BUILDERS)
        raise ValueError(f"family {name!r} is not built in (known: {known}): build your own model")
    options = SimpleNamespace(**{**family, "depth": depth})
    facts = SimpleNamespace(**{fact: value for fact, value in data.items() if value is not None})
    try:
        with torch.device(device):
            return BUILDERS[name](options, facts, width)
    except AttributeError as error:
        raise ValueError(
            f"a model of the family {name} needs {error.name}, which is not said: ask the service"
            " for the recommendation again"
        ) from error
