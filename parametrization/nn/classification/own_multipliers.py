"""Refuse models that divide by their own width multiplier: it would be applied twice."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from torch import nn


class _OwnMultiplier(NamedTuple):
    attribute: str
    """Name of the option in the model's `config`."""
    neutral: tuple[object, ...]
    """Values with which the model applies no multiplier."""
    remedy: str
    is_mup: bool
    """True if it scales initial tensors or rates, too: nothing can be derived from the model."""


_KNOWN: Final = (
    _OwnMultiplier("mup_enabled", (False, None), "mup_enabled=False", is_mup=True),
    _OwnMultiplier("mup_width_scale", (1, None), "mup_width_scale=1", is_mup=True),
    _OwnMultiplier(
        "dim_model_base", (None,), "dim_model_base equal to its hidden size", is_mup=False
    ),
    _OwnMultiplier(
        "scale_decoder_outputs", (False, None), "scale_decoder_outputs=False", is_mup=False
    ),
)
"""Options by which models known to do so multiply their logits by a power of 1/width."""


def refuse_own_mup(model: nn.Module) -> None:
    """Refuse a model that by its configuration applies muP itself.

    Raises:
        ValueError: naming the option, its value and the value to build the model with.

    """
    _refuse(model, [known for known in _KNOWN if known.is_mup])


def refuse_own_width_multiplier(model: nn.Module) -> None:
    """Refuse a model that by its configuration scales its logits with width itself.

    Raises:
        ValueError: naming the option, its value and the value to build the model with.

    """
    _refuse(model, _KNOWN)


def _refuse(model: nn.Module, options: Iterable[_OwnMultiplier]) -> None:
    config = _config(model)
    for known in options:
        value = getattr(config, known.attribute, None)
        is_hidden_size = value == getattr(config, "hidden_size", None)
        if value in known.neutral or (known.attribute == "dim_model_base" and is_hidden_size):
            continue
        raise ValueError(
            "the model multiplies its logits by a power of 1/width already"
            f" ({type(config).__name__}.{known.attribute} is {value!r}), and the readout's"
            " multiplier would do it again: build base, delta and target model with"
            f" {known.remedy} in their configuration"
        )


def _config(model: nn.Module) -> object:
    """First configuration found from the root inwards, past wrappers; None if there is none."""
    configs = (getattr(module, "config", None) for module in model.modules())
    return next((config for config in configs if config is not None), None)
