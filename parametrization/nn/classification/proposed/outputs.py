"""Find the tensors that are likely where a model begins and ends: by names, else by their place."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import takewhile
from typing import Final

from torch import nn

from parametrization.nn.classification.own_layers import readout_path
from parametrization.nn.classification.proposed.unrecognised import Unrecognised

ROUTES: Final = frozenset({"gate", "router", "wg", "gating", "shared_gate", "shared_expert_gate"})
KEYS: Final = frozenset({"k", "v", "kv"})
READS_OUT: Final = re.compile(
    r"(^|[._])(W_U|unembed\w*|logits?|readout|lm_head|classifier|vocab\w*|W_dec|W_out)([._]\w+)?$",
    re.IGNORECASE,
)
"""Names of output matrices that models multiply with by hand."""
_EMBEDS: Final = re.compile(
    r"(^|[._])(W_E|wte|wpe|W_pos|\w*((?<!un)emb|token|pos|table|quer|prompt|prefix|slot|codebook|signal|rel_|bias)\w*"
    r"|rel|memory|probe)($|[._])"
)
_BESIDE_OTHERS: Final = frozenset({"decoder", "generator", "policy", "predictor"})
"""Names of outputs that are often one of several."""
SHRINKS: Final = -0.4
"""Power of width that a start follows where a sum runs over it: -1/2, as measured."""
_BILINEAR: Final = (False, True, True)


def with_ends(
    unrecognised: Sequence[Unrecognised],
    matrices: Sequence[str],
    *,
    has_input: bool,
    has_readout: bool,
) -> list[Unrecognised]:
    """The tensors, those marked that are likely the model's outputs, or its first ones.

    Args:
        matrices: names of all weights of the model, in the order of its modules.
        has_input: True if another tensor maps a fixed dimension to a wide one.
        has_readout: True if another tensor is an output by a row of the tables.

    """
    outputs = likely_outputs(unrecognised, matrices, has_readout=has_readout)
    inputs = set[str]() if has_input else _first_ones(unrecognised, outputs)
    return [
        one._replace(
            is_input=one.owned.name in inputs,
            is_output=one.owned.name in outputs,
            rivals=tuple(name for name in outputs if name != one.owned.name),
        )
        for one in unrecognised
    ]


def likely_outputs(
    unrecognised: Iterable[Unrecognised], matrices: Sequence[str], *, has_readout: bool
) -> list[str]:
    """Names of the likely outputs, in the model's order.

    Layers with an output's name, or last in a module that has one. Where the root has none, also
    those after which no matrix of another kind comes: heads side by side. Raw tensors have an
    output's name, or are the model's own where nothing else is an output.
    """
    listed = [one for one in unrecognised if not one.is_normed and one.unsettled is None]
    raw = [one for one in listed if not one.is_of_known_layer]
    found = {one.owned.name for one in raw if _is_called_output(one)}
    if not has_readout:
        layers = [one for one in listed if one.is_from_wide]
        named = {one.owned.name: made for one in layers if (made := _named_so(one, matrices))}
        found |= named.keys()
        if not any(len(made) == 1 and made[0] not in _BESIDE_OTHERS for made in named.values()):
            found |= _last_ones(layers, matrices)
        own = [one for one in raw if _is_the_models_own(one, matrices)]
        sums = [one for one in own if one.infinite.count(True) == 1] or own  # else bilinear ones
        found = found or {one.owned.name for one in [*sums, *_beside(sums[-1:], raw)]}
    return [one.owned.name for one in listed if one.owned.name in found]


def _first_ones(unrecognised: Iterable[Unrecognised], outputs: Collection[str]) -> set[str]:
    """Raw tensors with one wide dimension, of the module that holds the first of them."""
    sums = [one for one in unrecognised if _may_sum(one) and one.owned.name not in outputs]
    return {one.owned.name for one in _beside(sums[:1], sums)}


def _beside(some: Sequence[Unrecognised], others: Iterable[Unrecognised]) -> Iterator[Unrecognised]:
    """Those of the others that the same module holds, and that may be sums as well."""
    # The root, and a list of parameters, hold tensors of every kind.
    owners = [one.owned.owner for one in some if one.path and not _is_a_list(one.owned.owner)]
    yield from some
    yield from (one for one in others if _may_sum(one) and one.owned.owner in owners)


def _is_a_list(owner: nn.Module) -> bool:
    return isinstance(owner, (nn.ParameterList, nn.ParameterDict))


def _may_sum(one: Unrecognised) -> bool:
    """True for a raw tensor of one wide dimension and another one, without the name of rows."""
    sized = sum(size > 1 for size in one.base_shape)
    is_raw = not one.is_of_known_layer and one.unsettled is None
    return is_raw and one.infinite.count(True) == 1 and sized > 1 and not is_added(one)


def is_added(one: Unrecognised) -> bool:
    """True if name or shape is that of rows that are looked up or added."""
    is_broadcast = one.base_shape[0] == 1 and one.infinite[-1]
    return is_broadcast or _EMBEDS.search(one.owned.name) is not None


def _is_called_output(one: Unrecognised) -> bool:
    return one.infinite.count(True) == 1 and READS_OUT.search(one.owned.name) is not None


def _named_so(one: Unrecognised, matrices: Sequence[str]) -> tuple[str, ...] | None:
    """Path of the module with an output's name that the layer is, or is the last matrix of."""
    path = readout_path(one.path)
    if path is None or one.path[-1] in ROUTES:
        return None
    inside = [name for name in matrices if name.startswith(".".join(path) + ".")]
    return path if inside[-1:] == [one.owned.name] else None


def _last_ones(layers: Sequence[Unrecognised], matrices: Sequence[str]) -> set[str]:
    """Layers to a fixed dimension, gates and keys apart, that no other matrix comes after."""
    by_name = {one.owned.name: one for one in layers}
    last = takewhile(by_name.__contains__, reversed(matrices))
    return {name for name in last if not {*by_name[name].path[-1:]} & (ROUTES | KEYS)}


def _is_the_models_own(one: Unrecognised, matrices: Sequence[str]) -> bool:
    """True for a sum over width in a raw tensor of the root's, or in the last one."""
    other_start = one.start_exponent is not None and one.start_exponent > SHRINKS
    if one.infinite != _BILINEAR and (other_start or not _may_sum(one)):
        return False
    # The root's own tensors come first in a model's order, wherever they are used.
    return [*matrices[-1:]] == [one.owned.name] or not one.path
