"""Count what a convolution sums beside its channels."""

import math

from torch import nn

from parametrization.nn.classification.rows import CONVS, TRANSPOSED
from parametrization.nn.parameter_names import OwnedParameter

_CHANNELS = 2  # dimensions of a kernel's tensor that are not spatial


def kernel_dimensions(owned: OwnedParameter) -> int:
    """Trailing dimensions of the parameter that are a convolution's kernel."""
    if owned.attribute != "weight" or not isinstance(owned.owner, (*CONVS, *TRANSPOSED)):
        return 0
    return owned.parameter.dim() - _CHANNELS


def taps(owner: nn.Module, fan_in: tuple[int, ...]) -> float:
    """Entries that one result sums per entry of the weight's fan-in axis."""
    if isinstance(owner, CONVS):
        return float(math.prod(owner.kernel_size))
    assert isinstance(owner, TRANSPOSED)
    # A transposed kernel reaches each result with 1/stride of its entries per dimension.
    reached = math.prod(owner.kernel_size) / math.prod(owner.stride)
    channels = owner.in_channels if fan_in == (0,) else owner.out_channels // owner.groups
    return reached * (owner.in_channels / owner.groups) / channels
