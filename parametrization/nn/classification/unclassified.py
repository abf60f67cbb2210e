"""Refuse all parameters without a scaling rule in one error, with a remedy for each."""

import json
from collections.abc import Iterable, Mapping
from typing import Final

from parametrization.nn.classification.declaration import Declaration
from parametrization.nn.classification.proposals import (
    Proposal,
    as_code,
    computed_by,
    proposal,
)
from parametrization.nn.classification.proposed.unrecognised import Unrecognised
from parametrization.nn.classification.rows import AFFINE, TRANSPOSED
from parametrization.nn.layers import ConvReadout, ConvReadout1d, Readout
from parametrization.nn.parameter_names import OwnedParameter
from parametrization.shapes.like_tensors import family_pattern, fits
from parametrization.shapes.roles import Role

_FROM_WIDE: Final = (
    "a map from a wide to a fixed dimension. If it is the model's output, declare"
    " roles={{{name!r}: Role.OUTPUT}}, and it gets its forward multiplier when numbers are applied"
    " (call parametrization.nn.layers.as_readout(model, {module!r}) on the base, delta and target"
    " model if they are compiled or sharded before). If it is a router, make it a"
    " parametrization.nn.layers.Router, or declare Role.MOE_ROUTER. If it is a key or value"
    " projection with a fixed number of heads, or a bottleneck of fixed width, declare"
    " roles={{{name!r}: Role.GQA_KV}} or Role.FIXED_BOTTLENECK. Otherwise let its output grow"
    " with width, in the delta model too"
)

_COMPUTED: Final = (
    "the weight is computed from it by {functions}, and moves as that function makes it. Where it"
    " keeps sizes alike at every width (an orthogonal or symmetric matrix, or the spectral norm of"
    " a layer from wide to wide), declare the role and axes of the weight. Spectral norm holds the"
    " largest singular value at one number, where inputs and outputs need one that follows width:"
    " use plain layers there"
)

_OWN_START: Final = (
    "it starts at values that are no random draw, or are the same each time the model is built."
    " Declare it with initial='keep' if they are meant, at a size that is right at every width, or"
    " with initial='draw'"
)


class UnclassifiedTensors(ValueError):
    """All parameters of a model that have no scaling rule.

    Attributes:
        names: of the parameters, in the model's order.
        proposals: entries for `roles`, by name or by pattern of like tensors. With them the model
            classifies; its author has to confirm each. Tensors that no declaration helps are not
            among them.
        unknown: by the same patterns, the question that shapes do not answer.

    """

    def __init__(
        self,
        message: str,
        names: tuple[str, ...],
        proposals: Mapping[str, Role | Declaration],
        unknown: Mapping[str, str],
    ) -> None:
        super().__init__(message)
        self.names = names
        self.proposals = dict(proposals)
        self.unknown = dict(unknown)


def refusal(unrecognised: Iterable[Unrecognised], names: Iterable[str] = ()) -> UnclassifiedTensors:
    """The error for these tensors, one line per family of like tensors, with proposed `roles`.

    Args:
        names: of all tensors of the model: a pattern must fit none of the others.

    """
    families: dict[str, list[Unrecognised]] = {}
    for one in unrecognised:
        families.setdefault(_family(one), []).append(one)
    everything = list(names)
    likes: dict[str, list[Unrecognised]] = {}
    for like in families.values():
        pattern = family_pattern(like[0].owned.name)
        fitted = {name for name in everything if fits(name, pattern)}
        if len(like) > 1 and fitted == {one.owned.name for one in like}:
            likes[pattern] = like
        else:
            likes |= {one.owned.name: [one] for one in like}
    proposed = {
        pattern: said for pattern, like in likes.items() if (said := proposal(like[0])) is not None
    }
    lines, remedies = [], set[str]()
    for pattern, like in likes.items():
        remedy = _remedy(like[0])
        kind = remedy.partition(". ")[0].partition("; ")[0]
        lines.append(_line(pattern, like, f"{kind}, as above" if kind in remedies else remedy))
        remedies.add(kind)
    message = "\n".join([*lines, *_pasteable(proposed)])
    return UnclassifiedTensors(
        message,
        tuple(one.owned.name for like in likes.values() for one in like),
        {pattern: one.said for pattern, one in proposed.items()},
        {pattern: one.unknown for pattern, one in proposed.items()},
    )


def undeclarable(owned: OwnedParameter) -> str:
    """Message that this parameter needs its axes declared, beside a role."""
    return (
        f"{owned.name} is a tensor of {type(owned.owner).__name__}, whose axes are unknown:"
        " declare parametrization.nn.classify.Declaration(role, fan_in_axis, fan_out_axis)"
    )


def _family(one: Unrecognised) -> str:
    kind = type(one.owned.owner).__name__
    return f"{family_pattern(one.owned.name)} {kind} {one.base_shape} {one.infinite}"


def _line(pattern: str, like: list[Unrecognised], remedy: str) -> str:
    one = like[0]
    sizes = ", ".join(
        f"{size} ({'grows with width' if wide else 'fixed'})"
        for size, wide in zip(one.owned.parameter.shape, one.infinite, strict=True)
    )
    many = f" ({len(like)} tensors)" if len(like) > 1 else ""
    lacks = "scaling rule" if one.unsettled is None else "start that is sure to fit"
    return (
        f"no {lacks} for {pattern} of {type(one.owned.owner).__name__}, shape [{sizes}]{many}:"
        f" {remedy}"
    )


def _pasteable(proposed: Mapping[str, Proposal]) -> Iterable[str]:
    if not proposed:
        return
    yield "What shapes and names suggest, to be corrected where it is wrong:"
    yield "roles={"
    for pattern, one in proposed.items():
        key = json.dumps(pattern, ensure_ascii=False)
        yield f"    {key}: {as_code(one.said)},  # {one.unknown}"
    yield "}"


def _remedy(one: Unrecognised) -> str:
    owner, infinite = one.owned.owner, one.infinite
    if one.unsettled is not None:
        return _OWN_START
    if isinstance(owner, (Readout, ConvReadout, ConvReadout1d)):
        return (
            "a readout maps a dimension that grows with width to a fixed one, without groups;"
            " does the delta model vary its input?"
        )
    if one.is_normed:
        return (
            "weight norm, whose magnitude has a rule with an entry for each result or each input"
            " of a layer inside the model alone: leave it off output layers and maps to a fixed"
            " dimension (a plain layer there), and call it with the default dim=0"
        )
    if computing := computed_by(one.owned):
        return _COMPUTED.format(functions=" and ".join(computing))
    ends = infinite[1::-1] if isinstance(owner, TRANSPOSED) else infinite[:2]
    if isinstance(owner, AFFINE) and ends == (False, True):
        name = one.owned.name
        return _FROM_WIDE.format(module=name.rpartition(".")[0], name=name)
    return (
        "rules exist for Linear, Conv, ConvTranspose, Embedding, the norms and the layers of"
        " parametrization.nn.layers; build the layer from those, or declare"
        f" roles={{{one.owned.name!r}:"
        " Declaration(role, fan_in_axis, fan_out_axis)}"
    )
