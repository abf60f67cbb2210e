"""Rename tensors from one framework's names to another's."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from parametrization.recommendation.values import TensorValues
from parametrization.shapes.family_sizes import TIED_SCALE
from tuner.recommendation.exports.frameworks.namings import (
    HOLDS,
    KNOWN,
    MADE_OF,
    WIDTHWISE,
    Naming,
    Part,
)
from tuner.recommendation.exports.protocol.export import Inexpressible, Refused
from tuner.recommendation.exports.protocol.selectors import as_regex


def naming_of(tensors: Iterable[TensorValues]) -> Naming | None:
    """The naming that most of these follow; None for a model of another kind."""
    return naming_of_names([name for row in tensors for name in row.names])


def naming_of_names(names: Sequence[str], among: Sequence[Naming] = KNOWN) -> Naming | None:
    """The same, of parameters' names."""
    found = [(sum(part_of(known, name) is not None for name in names), known) for known in among]
    count, best = max(found, key=lambda one: one[0])
    return best if 2 * count > len(names) else None


def renamed(
    framework: str, tensors: tuple[TensorValues, ...], naming: Naming
) -> tuple[TensorValues, ...]:
    """The same numbers by a framework's names, where these are of a known naming.

    Tensors of a model of another kind, and parts that the framework's own models lack, keep their
    names: see `strangers`. What the family gpt multiplies a tied readout by is part of the
    multiplier then: other models do not.

    Raises:
        Refused: if one tensor of the framework's joins several of these whose numbers differ.

    """
    own = naming_of(tensors)
    if own is None or own is naming:
        return tensors
    if own is WIDTHWISE:
        tensors = tied_elsewhere(tensors)
    by_part = _by_part(own, tensors)
    found = [
        row
        for part, module in naming.items()
        for suffix in ("weight", "bias")
        for row in _joined(
            framework, f"{module}.{suffix}", *_sources(part, suffix, by_part, naming)
        )
    ]
    covered = {name for row in found for name in _source_names(row, by_part, naming)}
    return (*found, *(row for row in tensors if row.pattern not in covered))


def tied_elsewhere(tensors: tuple[TensorValues, ...]) -> tuple[TensorValues, ...]:
    """Numbers of the family gpt for a model whose tied readout reads its table as it is."""
    by_part = _by_part(WIDTHWISE, tensors)
    if (Part.READOUT, "weight") in by_part:
        return tensors
    tables = {row.pattern for row in by_part.get((Part.TOKEN_TABLE, "weight"), ())}
    return tuple(
        row.model_copy(update={"multiplier": row.multiplier * TIED_SCALE})
        if row.pattern in tables
        else row
        for row in tensors
    )


def shared_epsilons(tensors: tuple[TensorValues, ...], naming: Naming) -> Iterator[Inexpressible]:
    """Tensors of a framework's that join several of unlike epsilons: the smallest serves all."""
    own = naming_of(tensors)
    if own is None or own is naming:
        return
    by_part = _by_part(own, tensors)
    for part, module in naming.items():
        sources, _ = _sources(part, "weight", by_part, naming)
        epsilons = {row.epsilon for row in sources if row.epsilon is not None}
        if len(epsilons) > 1:
            names = ", ".join(row.pattern for row in sources)
            words = f"one tensor holds {names}: the smallest of their epsilons serves all"
            yield Inexpressible(f"epsilon of {module}.weight", words)


def strangers(tensors: Iterable[TensorValues], naming: Naming) -> list[str]:
    """Patterns of tensors that a framework's own models do not have."""
    return [row.pattern for row in tensors if part_of(naming, row.names[0]) is None]


def not_its_own(
    framework: str, tensors: Iterable[TensorValues], naming: Naming
) -> tuple[Inexpressible, ...]:
    """Tensors that a framework's own models do not have: the user's model needs them."""
    return tuple(
        Inexpressible(
            pattern,
            f"{framework}'s own models have no such tensor: train a model that has it under this"
            " name, for the answer was tuned with it",
        )
        for pattern in strangers(tensors, naming)
    )


def require_all(framework: str, tensors: Iterable[TensorValues], naming: Naming) -> None:
    """Refuse models whose tensors the form has no place for.

    Raises:
        Refused: naming what it has no place for.

    """
    if left := strangers(tensors, naming):
        raise Refused(
            f"{framework} has no place for {', '.join(left)}: its models lack that. Use the format"
            " torch with a model that has it, or tune a family like the framework's models"
        )


_Key: TypeAlias = tuple[Part, str]
_ByPart: TypeAlias = dict[_Key, list[TensorValues]]


def part_of(naming: Naming, name: str) -> _Key | None:
    """The part that a parameter belongs to, and its suffix; None if the naming has no such part."""
    module, _, suffix = name.rpartition(".")
    for part, pattern in naming.items():
        if re.match(as_regex(pattern), module):
            return part, suffix
    return None


def _by_part(naming: Naming, tensors: Iterable[TensorValues]) -> _ByPart:
    found: _ByPart = {}
    for row in tensors:
        if (key := part_of(naming, row.names[0])) is not None:
            found.setdefault(key, []).append(row)
    return found


def _sources(
    part: Part, suffix: str, by_part: _ByPart, naming: Naming
) -> tuple[list[TensorValues], int]:
    """Rows of the part itself, or of those that it is made of; and how many parts they hold."""
    if part in (Part.UP, Part.GATE_UP) and naming.get(Part.UP) == naming.get(Part.GATE_UP):
        gated = (Part.GATE, suffix) in by_part or (Part.GATE_UP, suffix) in by_part
        if gated is (part is Part.UP):
            return [], 1
    if part is Part.QKV and Part.QUERY in naming and (Part.QKV, suffix) not in by_part:
        return [], 1  # kept apart, where the framework can
    apart = part in (Part.QUERY, Part.KEY, Part.VALUE)
    if apart and Part.QKV in naming and (Part.QKV, suffix) in by_part:
        return [], 1
    ways = ((part,), *MADE_OF.get(part, ()))
    for way in ways:
        if all((source, suffix) in by_part for source in way):
            rows = [row for source in way for row in by_part[source, suffix]]
            return rows, 1 if way == (part,) else HOLDS.get(way[0], 1)
    return [], 1


def _source_names(row: TensorValues, by_part: _ByPart, naming: Naming) -> set[str]:
    key = part_of(naming, row.names[0])
    assert key is not None, "named so above"
    part, suffix = key
    candidates = (part, *(one for way in MADE_OF.get(part, ()) for one in way))
    return {one.pattern for at in candidates for one in by_part.get((at, suffix), ())}


def _joined(
    framework: str, pattern: str, sources: list[TensorValues], share: int
) -> list[TensorValues]:
    """One row of a framework's name from rows of equal numbers.

    Args:
        share: equal parts of the sources, of which this is one.

    """
    if not sources:
        return []
    first = sources[0]
    for other in sources[1:]:
        if _numbers(other) != _numbers(first):
            raise Refused(
                f"{framework} keeps {first.pattern} and {other.pattern} in one tensor, {pattern},"
                " and their recommended numbers differ: split it, or use the format torch"
            )
    blocks = dict.fromkeys(block for row in sources for block in map(_block, row.names))
    names = tuple(pattern.replace("*", block) if block else pattern for block in blocks)
    rows = sum(row.shape[0] for row in sources) // share
    shape = (rows, *first.shape[1:])
    epsilon = min((row.epsilon for row in sources if row.epsilon is not None), default=None)
    named = {"pattern": pattern, "names": names, "shape": shape, "epsilon": epsilon}
    return [first.model_copy(update=named)]


def _block(name: str) -> str:
    return next((piece for piece in name.split(".") if piece.isdecimal()), "")


def _numbers(row: TensorValues) -> tuple[object, ...]:
    start = (row.init_std, row.constant, row.multiplier)
    others = tuple(sorted(row.others.items()))
    return (*start, row.optimizer, row.learning_rate, row.weight_decay, others)
