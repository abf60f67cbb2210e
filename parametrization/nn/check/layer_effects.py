"""Compute what a parameter contributes to its layer's output, for every layer that has rules."""

from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from parametrization.nn.layers import ExpertLinear, TiedReadout, WithMultiplier
from parametrization.nn.parameter_names import OwnedParameter

_TRANSPOSED: Final = {
    nn.ConvTranspose1d: functional.conv_transpose1d,
    nn.ConvTranspose2d: functional.conv_transpose2d,
    nn.ConvTranspose3d: functional.conv_transpose3d,
}


def effect(owned: OwnedParameter, value: Tensor, x: Tensor) -> Tensor:
    """What `value` in place of the parameter adds to its layer's output for the input `x`.

    Raises:
        ValueError: if the layer is of no known kind.

    """
    if owned.attribute == "bias":
        return value
    if isinstance(owned.owner, WithMultiplier):
        x = owned.owner.multiplier * x
    for kind, added in _EFFECTS:
        if isinstance(owned.owner, kind):
            return added(owned.owner, value, x)
    raise ValueError(
        f"the coordinate check has no statistic for {owned.name}"
        f" of {type(owned.owner).__name__}: build the layer from Linear, Embedding, Conv,"
        " ConvTranspose, the norms or the layers of parametrization.nn.layers"
    )


def tied_effect(readout: TiedReadout, value: Tensor, x: Tensor) -> Tensor:
    """What `value` in place of the embedding's table adds to the tied logits."""
    return functional.linear(readout.multiplier * x, value)


def _linear(module: nn.Module, weight: Tensor, x: Tensor) -> Tensor:
    return functional.linear(x, weight)


def _embedding(module: nn.Module, weight: Tensor, x: Tensor) -> Tensor:
    return functional.embedding(x, weight)


def _experts(module: nn.Module, weight: Tensor, x: Tensor) -> Tensor:
    return torch.bmm(x, weight.transpose(1, 2))


def _convolution(module: nn.Module, weight: Tensor, x: Tensor) -> Tensor:
    assert isinstance(module, (nn.Conv1d, nn.Conv2d, nn.Conv3d))
    # The layer's own padding mode, without its bias.
    added: Tensor = module._conv_forward(x, weight, None)
    return added


def _transposed(module: nn.Module, weight: Tensor, x: Tensor) -> Tensor:
    assert isinstance(module, (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d))
    convolve: Any = next(f for kind, f in _TRANSPOSED.items() if isinstance(module, kind))
    added: Tensor = convolve(
        x,
        weight,
        None,
        module.stride,
        module.padding,
        module.output_padding,
        module.groups,
        module.dilation,
    )
    return added


def _layer_norm(module: nn.Module, gain: Tensor, x: Tensor) -> Tensor:
    assert isinstance(module, nn.LayerNorm)
    return gain * functional.layer_norm(x, module.normalized_shape, eps=module.eps)


def _rms_norm(module: nn.Module, gain: Tensor, x: Tensor) -> Tensor:
    assert isinstance(module, nn.RMSNorm)
    return gain * functional.rms_norm(x, module.normalized_shape, eps=module.eps)


def _group_norm(module: nn.Module, gain: Tensor, x: Tensor) -> Tensor:
    assert isinstance(module, nn.GroupNorm)
    return _per_channel(gain, x) * functional.group_norm(x, module.num_groups, eps=module.eps)


def _batch_norm(module: nn.Module, gain: Tensor, x: Tensor) -> Tensor:
    assert isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d))
    normal = functional.batch_norm(x, None, None, training=True, eps=module.eps)
    return _per_channel(gain, x) * normal


def _per_channel(gain: Tensor, x: Tensor) -> Tensor:
    return gain.view(-1, *[1] * (x.dim() - 2))


_EFFECTS: Final = (
    (nn.Linear, _linear),
    (nn.Embedding, _embedding),
    (ExpertLinear, _experts),
    ((nn.Conv1d, nn.Conv2d, nn.Conv3d), _convolution),
    (tuple(_TRANSPOSED), _transposed),
    (nn.LayerNorm, _layer_norm),
    (nn.RMSNorm, _rms_norm),
    (nn.GroupNorm, _group_norm),
    ((nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d), _batch_norm),
)


class AttentionReach(TorchFunctionMode):
    """How large logits can get in the first scaled_dot_product_attention called meanwhile.

    Attributes:
        reach: head size times the factor on q @ k: what aligned queries and keys with entries of
            size 1 give, as training aligns them; None if there was no call.

    """

    def __init__(self) -> None:
        super().__init__()
        self.reach: float | None = None

    def __torch_function__(
        self,
        func: Any,  # noqa: ANN401 - torch's own signature
        types: Any,  # noqa: ANN401
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        if func is functional.scaled_dot_product_attention and self.reach is None:
            self.reach = _reach(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


def _reach(query: Tensor, *others: object, scale: float | None = None, **options: object) -> float:
    head_size = query.shape[-1]
    return head_size * (head_size**-0.5 if scale is None else scale)
