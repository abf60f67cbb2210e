"""Declare a schedule's shape in one record: its name, its fall, and the numbers that it takes.

Built-in shapes stand in `built_in.py`. An entry point of the group `widthwise.schedules` names the
declaration of an installed package.
"""

import inspect
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

Stages: TypeAlias = tuple[tuple[float, float], ...]
"""(Progress of the decay phase from which it holds, share of the full batch), the first from 0."""

_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_MODULES: Final = frozenset({"math"})
"""Modules that generated code imports."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeNumber:
    """A number that a shape takes beside the fractions that all shapes share.

    Attributes:
        whole: whether it counts something.

    """

    default: float
    low: float
    high: float
    words: str
    whole: bool = False

    def problem(self, value: float) -> str | None:
        """The reason that a value cannot be used; None if it can."""
        if not self.low <= value <= self.high:
            return f"must be from {self.low:g} to {self.high:g}"
        return "must be a whole number" if self.whole and value != int(value) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeDeclaration:
    """One shape of a schedule.

    Attributes:
        name: what studies call it; of a package, equal to the entry point's name.
        words: what it is and who published it, for the catalogue.
        spoken: the shape in words, after the warm-up: `a linear fall`.
        fall: (progress, span, **numbers) -> factor between 0 and 1. Progress is that of the decay
            phase, in [0, 1); span the share of training that this phase is. Generated code repeats
            its source, so that it may use its arguments, `math` and `calls` alone.
        numbers: that `fall` and `batch_stages` take, by name.
        stays: whether the peak is kept until the last `decay_fraction` of training.
        ends: whether the fall is one to zero, which `final_fraction` lifts.
        calls: functions that `fall` calls.
        batch_stages: (**numbers) -> Stages, where the batch grows over the decay phase.

    """

    name: str
    words: str
    spoken: str
    fall: Callable[..., float]
    numbers: Mapping[str, ShapeNumber] = field(default_factory=dict)
    stays: bool = False
    ends: bool = True
    calls: tuple[Callable[..., object], ...] = ()
    batch_stages: Callable[..., Stages] | None = None

    def __post_init__(self) -> None:
        """Refuse what could not be named, computed or written as code later.

        Raises:
            ValueError: naming the field, its value and what it should be.

        """
        for name in (self.name, *self.numbers):
            if not _NAME.fullmatch(name):
                raise ValueError(f"names are lower case with underscores, got {name!r}")
        known = _MODULES | {function.__name__ for function in self.calls}
        for function in (self.fall, *self.calls):
            _require_self_contained(function, known)
        for name, number in self.numbers.items():
            if words := number.problem(number.default):
                raise ValueError(f"the default of {name} {words}, got {number.default:g}")
        self._refuse_other_factors()

    def _refuse_other_factors(self) -> None:
        for progress in (0.0, 0.5, 1 - 2.0**-20):
            factor = self.fall(progress, 0.9, **self.defaults)
            if not (math.isfinite(factor) and 0 <= factor <= 1):
                raise ValueError(f"fall must be from 0 to 1, got {factor} at progress {progress:g}")

    @property
    def defaults(self) -> dict[str, float]:
        """Default of every number."""
        return {name: number.default for name, number in self.numbers.items()}

    def completed(self, given: Mapping[str, float]) -> dict[str, float]:
        """Every number, those that were not given at their defaults.

        Raises:
            ValueError: if a number is unknown or out of range.

        """
        if unknown := sorted(given.keys() - self.numbers.keys()):
            takes = ", ".join(self.numbers) or "none"
            raise ValueError(
                f"numbers: {self.name} takes no {', '.join(unknown)}; its numbers are: {takes}"
            )
        for name, value in given.items():
            if words := self.numbers[name].problem(value):
                raise ValueError(f"numbers: {name} {words}, got {value:g}")
        return self.defaults | {name: float(value) for name, value in given.items()}


def _require_self_contained(function: Callable[..., object], known: frozenset[str]) -> None:
    if function.__name__ == "<lambda>":
        raise ValueError("fall must be a function with a name: generated code repeats it")
    if foreign := sorted(inspect.getclosurevars(function).globals.keys() - known):
        raise ValueError(
            f"{function.__name__} uses {', '.join(foreign)}: generated code knows math, its"
            " arguments and `calls` alone"
        )
