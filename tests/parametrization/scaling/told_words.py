"""Reads the words of `hyperparameter_words` back into numbers, for tests that compare the two."""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from parametrization.optimizers.registry import OPTIMIZERS
from parametrization.scaling.multipliers import Multipliers
from parametrization.shapes.roles import TensorShape

AXES = ("width", "depth", "batch", "tokens")
SIZE = rf"(?:sqrt\((?:{'|'.join(AXES)})\)|(?:{'|'.join(AXES)})(?:\^[\d.]+)?)"
BEHAVIOUR = rf"(?:constant in (?:{'|'.join(AXES)})|none|(?:x |1/){SIZE}|x [\d.e+-]+)"
GROUPS = re.compile(rf"({BEHAVIOUR})(?: \(([a-z_, ]+)\))?(?:, (?=x |1/|constant|none)|$)")
QUANTITIES = (
    *("rate x decay", "rate", "weight decay", "initial standard deviation", "forward multiplier"),
    *(rf"1 - {memory}" for memory in ("beta1", "beta2", "momentum")),
    *(rf"log\({memory}\)" for memory in ("beta1", "beta2", "momentum")),
    *sorted(
        {name for one in OPTIMIZERS.values() for name in one.hyperparameters}, key=len, reverse=True
    ),
)


class Clause(NamedTuple):
    """One sentence of what an optimizer's number does along one axis."""

    optimizer: str
    quantity: str
    axis: str
    by_role: Mapping[str, str]
    """Behaviour by role; the role `""` is that of every tensor."""

    def factor(self, tensor: TensorShape, mults: Multipliers) -> float:
        """What the words say that the number is multiplied by."""
        labels = ["", tensor.role.value]
        labels += [f"{tensor.role} in blocks"] if tensor.in_block else []
        labels += ["lookup tables"] if tensor.is_table else []
        behaviour = next(self.by_role[label] for label in reversed(labels) if label in self.by_role)
        return _factor(behaviour, self.axis, getattr(mults, self.axis))


def clauses(words: str) -> Iterator[Clause]:
    """Every clause; raises AssertionError where one cannot be read."""
    for sentence in words.split("; "):
        yield _clause(re.sub(r"(, by \w+_rule [\w-]+)+$", "", sentence))


def _clause(sentence: str) -> Clause:
    spoken = sorted((one.spoken for one in OPTIMIZERS.values()), key=len, reverse=True)
    optimizer = next(name for name in spoken if sentence.startswith(f"{name} "))
    rest = sentence.removeprefix(f"{optimizer} ")
    quantity = next(found for name in QUANTITIES if (found := _starts(rest, name)))
    rest = rest.removeprefix(f"{quantity} ")
    groups = list(GROUPS.finditer(rest))
    assert "".join(group[0] for group in groups) == rest, f"cannot read {sentence!r}"
    by_role = {role: group[1] for group in groups for role in (group[2] or "").split(", ")}
    (axis,) = {axis for axis in AXES if re.search(rf"\b{axis}\b", rest)} or {"width"}
    return Clause(optimizer, quantity, axis, by_role)


def _starts(text: str, pattern: str) -> str:
    found = re.match(rf"{pattern}(?= )", text)
    return found[0] if found else ""


def _factor(behaviour: str, axis: str, mult: float) -> float:
    if behaviour == "none":
        return 0.0
    if behaviour.startswith("constant"):
        return 1.0
    sign = -1.0 if behaviour.startswith("1/") else 1.0
    size = behaviour.removeprefix("x ").removeprefix("1/")
    if size == f"sqrt({axis})":
        return float(mult ** (0.5 * sign))
    if size.startswith(axis):
        return float(mult ** (sign * float(size.removeprefix(axis).removeprefix("^") or 1)))
    return float(size)
