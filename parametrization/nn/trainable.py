"""Choose the parameters that an optimizer trains, and refuse those that none can."""

from collections.abc import Iterable
from typing import Final

import torch
from torch import nn

from parametrization.nn.initialise import match
from parametrization.nn.parameter_names import OwnedParameter
from parametrization.scaling.tensor_scaling import TensorScaling

_DTYPES: Final = frozenset({torch.float32, torch.float64, torch.bfloat16})


def trainable(
    model: nn.Module, scalings: Iterable[TensorScaling]
) -> list[tuple[OwnedParameter, TensorScaling]]:
    """Each scaling with its parameter, without parameters that require no gradient.

    Raises:
        ValueError: if the scalings are not those of this model, if nothing in it requires a
            gradient, or if a parameter's dtype cannot be trained.

    """
    found = [pair for pair in match(model, scalings) if pair[0].parameter.requires_grad]
    if not found:
        raise ValueError(
            "no parameter requires a gradient, so there is nothing to train: freeze tensors after"
            " this call, or call requires_grad_(True) on those that train"
        )
    for owned, _ in found:
        if owned.parameter.dtype not in _DTYPES:
            raise ValueError(
                f"{owned.name} is {_name(owned.parameter.dtype)}: epsilon and small updates are 0"
                " in it and the first steps NaN; keep the weights in float32 (model.float()) and"
                " compute inside torch.autocast with a torch.amp.GradScaler, or use bfloat16"
            )
    return found


def refuse_untrainable(model: nn.Module, scalings: Iterable[TensorScaling]) -> None:
    """Refuse what `trainable` refuses."""
    trainable(model, scalings)


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
