"""Why a parameter has no scaling rule, and what its owner can do about it."""

from torch import nn

from parametrization.nn.layers import ConvReadout, ConvReadout1d, Readout
from parametrization.nn.parameter_names import OwnedParameter

TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
FROM_WIDE = (
    "a map from a wide to a fixed dimension. If it is the model's output, it needs a forward"
    " multiplier: call parametrization.nn.layers.as_readout(model, {module!r}) on the base, delta"
    " and target model (or declare roles={{{name!r}: Role.OUTPUT}} and apply the multiplier-free"
    " form). If it is a router, make it a parametrization.nn.layers.Router. If it is a key or value"
    " projection with a fixed number of heads, or a bottleneck of fixed width, declare"
    " roles={{{name!r}: Role.GQA_KV}} or Role.FIXED_BOTTLENECK. Otherwise let its output grow"
    " with width, in the delta model too"
)


def refusal(owned: OwnedParameter, infinite: tuple[bool, ...]) -> str:
    """The parameter, its shape, and the remedy."""
    sizes = ", ".join(
        f"{size} ({'grows with width' if wide else 'fixed'})"
        for size, wide in zip(owned.parameter.shape, infinite, strict=True)
    )
    return (
        f"no scaling rule for {owned.name} of {type(owned.owner).__name__}, shape [{sizes}]:"
        f" {_remedy(owned, infinite)}"
    )


def undeclarable(owned: OwnedParameter) -> str:
    """Why a role alone does not say enough of this parameter."""
    return (
        f"{owned.name} is a tensor of {type(owned.owner).__name__}, whose axes are unknown:"
        " declare parametrization.nn.classify.Declaration(role, fan_in_axis, fan_out_axis)"
    )


def _remedy(owned: OwnedParameter, infinite: tuple[bool, ...]) -> str:
    owner = owned.owner
    if isinstance(owner, (Readout, ConvReadout, ConvReadout1d)):
        return (
            "a readout maps a dimension that grows with width to a fixed one, without groups;"
            " does the delta model vary its input?"
        )
    if isinstance(owner, TRANSPOSED) and infinite[:2] == (True, False):
        return (
            "a transposed convolution to a fixed number of channels would need a forward"
            " multiplier: let it stay wide and end in a parametrization.nn.layers.ConvReadout"
        )
    if isinstance(owner, (nn.Linear, nn.Conv1d, nn.Conv2d)) and infinite[:2] == (False, True):
        return FROM_WIDE.format(module=owned.name.rpartition(".")[0], name=owned.name)
    return (
        "rules exist for Linear, Conv, ConvTranspose, Embedding, the norms and the layers of"
        " parametrization.nn.layers; build the layer from those, or declare"
        f" roles={{{owned.name!r}:"
        " Declaration(role, fan_in_axis, fan_out_axis)}"
    )
