"""Propose a declaration for a tensor that nothing recognises, from which dimensions grow."""

from typing import Final, NamedTuple

from torch.nn.utils.parametrize import ParametrizationList
from torch.nn.utils.spectral_norm import SpectralNorm

from parametrization.nn.classification.declaration import Declaration
from parametrization.nn.classification.proposed.outputs import KEYS, ROUTES
from parametrization.nn.classification.proposed.raw_tensors import of_raw_tensor
from parametrization.nn.classification.proposed.unrecognised import Unrecognised
from parametrization.nn.classification.starts import FOLLOWS, is_patterned, is_structured, values_of
from parametrization.nn.classification.weight_norms import is_iterated
from parametrization.nn.parameter_names import OwnedParameter
from parametrization.shapes.roles import Role

_MATRIX: Final = 2
_REPEAT: Final = "few values that repeat, as a constant's do, and left so"
_ZERO: Final = "all zero"
_SAME: Final = "the same values each time it is built, as a formula's are"
_NO_DRAW: Final = "no random draw, by its values"
_BY_ENTRY: Final = "a gain or a bias of which the function takes each entry by itself?"
_BLOCKS: Final = "; Role.VECTOR where each sum runs over a fixed number of entries, as in a block"
_OUTPUT: Final = "the model's output, by its name or its place? see above if not"
_ONE_OF: Final = (
    "an output of the model, as {rivals} may be? Role.FIXED_BOTTLENECK for what stays inside, which"
    " takes the same steps under adamw, and Role.MOE_ROUTER for a router"
)


class Proposal(NamedTuple):
    """A declaration that the caller might make, and a question that only the caller can answer."""

    said: Role | Declaration
    unknown: str


def proposal(one: Unrecognised) -> Proposal | None:
    """The most likely declaration; None where no declaration would help."""
    if one.unsettled is not None:
        return _start_of(one.unsettled, one.start_exponent)
    if one.is_normed:
        return None
    if computed_by(one.owned) and one.infinite.count(True) < _MATRIX:
        return Proposal(Declaration(Role.VECTOR, None, 0), _BY_ENTRY) if one.is_vector else None
    if is_iterated(one.owned) and one.is_of_known_layer:
        return Proposal(Role.HIDDEN, "a map from wide to wide, whose spectral norm is one number?")
    if one.is_of_known_layer:
        return _of_known_layer(one)
    return _kept_if_meant(one, *of_raw_tensor(one))


def _start_of(said: Declaration, exponent: float | None) -> Proposal:
    """The declaration with the start that is right at every width, as far as that can be seen."""
    if said.role is Role.HIDDEN and exponent is not None and exponent > FOLLOWS:
        words = 'its own size does not fall like 1/sqrt(width), as it has to; or initial="keep"'
        return Proposal(said._replace(initial="draw"), words)
    return Proposal(said._replace(initial="keep"), 'or initial="draw"')


def _kept_if_meant(one: Unrecognised, said: Declaration, unknown: str) -> Proposal:
    """The proposal, with a start that its author set on purpose left as it is."""
    values = values_of(one.owned.parameter)
    if said.initial is not None or said.fan_in_axis is None or values is None:
        return Proposal(said, unknown)
    if one.infinite.count(True) == 1 and bool(values.any()) and is_patterned(values):
        said = Declaration(Role.VECTOR, None, one.infinite.index(True), initial="keep")
        return Proposal(said, f"{_REPEAT}; else say fan_in_axis")
    meant = {_ZERO: not bool(values.any()), _SAME: one.fixed, _NO_DRAW: is_structured(values)}
    why = next((words for words, is_so in meant.items() if is_so), None)
    if why is None:
        return Proposal(said, unknown)
    if why is _NO_DRAW and said.role is Role.HIDDEN:
        unknown += _BLOCKS
    return Proposal(said._replace(initial="keep"), f"{why}, and left so; {unknown}")


def computed_by(owned: OwnedParameter) -> tuple[str, ...]:
    """Names of the functions that make a layer's weight of the parameter, such as spectral norm."""
    if isinstance(owned.owner, ParametrizationList):
        return tuple(type(function).__name__.strip("_") for function in owned.owner)
    if is_iterated(owned):
        return (f"{type(owned.owner).__name__}, by its buffer a spectral norm",)
    hooks = owned.owner._forward_pre_hooks.values()
    return tuple(
        type(hook).__name__
        for hook in hooks
        if isinstance(hook, SpectralNorm) and owned.attribute.startswith(hook.name)
    )


def _of_known_layer(one: Unrecognised) -> Proposal | None:
    if not one.is_from_wide:
        return None
    leaf = one.path[-1]
    if leaf in ROUTES:
        return Proposal(Role.MOE_ROUTER, "a router, or a gate? Role.FIXED_BOTTLENECK if not")
    if one.is_output:
        rivals = ", ".join(one.rivals)
        return Proposal(Role.OUTPUT, _ONE_OF.format(rivals=rivals) if rivals else _OUTPUT)
    if leaf in KEYS and one.base_shape[0] > 1:
        return Proposal(
            Role.GQA_KV, "keys or values of a fixed number of heads? Role.FIXED_BOTTLENECK if not"
        )
    return Proposal(
        Role.FIXED_BOTTLENECK,
        "a bottleneck of fixed width? Role.GQA_KV for keys or values of a fixed number of heads, or"
        " what a state space selects by,"
        " Role.MOE_ROUTER for a router, Role.OUTPUT for an output of the model",
    )


def as_code(said: Role | Declaration) -> str:
    """A role or declaration as Python.

    >>> as_code(Declaration(Role.HIDDEN, (0, 1), 2))
    'Declaration(Role.HIDDEN, (0, 1), 2)'
    """
    if isinstance(said, Role):
        return f"Role.{said.name}"
    parts = [f"Role.{said.role.name}"]
    if said.fan_in_axis is not None or said.fan_out_axis is not None:
        parts += [repr(said.fan_in_axis), repr(said.fan_out_axis)]
    for field in ("constant", "initial", "stacked_axis", "lookup"):
        if (value := getattr(said, field)) is not None:
            parts.append(f'{field}="{value}"' if isinstance(value, str) else f"{field}={value!r}")
    return f"Declaration({', '.join(parts)})"
