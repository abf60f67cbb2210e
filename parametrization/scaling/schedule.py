"""Learning-rate schedules as factors of the peak rate, in fractions of training.

Multiplicative on purpose: absolute floors and peaks (`eta_min`, `max_lr`) would set every
parameter group to one value and destroy the ratios between groups that muP needs.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from string import Template
from typing import Any, ClassVar, Final

PREVIEW_POINTS: Final = 101


class ScheduleShape(StrEnum):
    CONSTANT = "constant"
    LINEAR = "linear"  # to the final fraction along a straight line
    COSINE = "cosine"  # to the final fraction along half a cosine
    WSD = "wsd"  # warm-up, stable, linear decay over the last decay_fraction


@dataclass(frozen=True, slots=True)
class Schedule:
    """Learning-rate schedule in fractions of training."""

    # Read where studies are submitted; the library itself does without pydantic.
    __pydantic_config__: ClassVar[Mapping[str, Any]] = {
        "extra": "forbid",
        "allow_inf_nan": False,
        "use_attribute_docstrings": True,
    }

    shape: ScheduleShape = ScheduleShape.LINEAR
    warmup_fraction: float = field(default=0.1, metadata={"ge": 0, "lt": 1})
    """Share of training spent warming up."""
    decay_fraction: float = field(default=0.2, metadata={"gt": 0, "le": 1})
    """Share of training spent decaying; read by the shape `wsd` alone."""
    final_fraction: float = field(default=0.0, metadata={"ge": 0, "le": 1})
    """Factor on the peak that the decay aims at."""

    def factor(self, step: int, steps: int) -> float:
        """Factor on the peak learning rate for update number `step` (0-based) of `steps`.

        Warm-up is linear and its first update already moves: update 0 of a 10-update warm-up runs
        at 1/10 of the peak. The last update runs just above the final fraction.

        Raises:
            ValueError: if there is no such update.

        >>> [round(Schedule().factor(step, 100), 3) for step in (0, 9, 10, 55)]
        [0.1, 1.0, 1.0, 0.5]

        """
        if not 0 <= step < steps:
            raise ValueError(f"step must be in [0, {steps}), got {step}")
        warmup_steps = math.floor(self.warmup_fraction * steps)
        if step < warmup_steps:
            return (step + 1) / warmup_steps
        if self.shape is ScheduleShape.CONSTANT:
            return 1.0
        decay_start = warmup_steps
        if self.shape is ScheduleShape.WSD:
            decay_start = max(warmup_steps, steps - math.ceil(self.decay_fraction * steps))
        if step < decay_start:
            return 1.0
        progress = (step - decay_start) / (steps - decay_start)
        cosine = self.shape is ScheduleShape.COSINE
        falling = (1 + math.cos(math.pi * progress)) / 2 if cosine else 1 - progress
        return self.final_fraction + (1 - self.final_fraction) * falling

    def preview(self, steps: int) -> list[tuple[int, float]]:
        """(Update, factor) of at most 101 updates out of `steps`, the first and the last included.

        >>> Schedule(warmup_fraction=0.0).preview(3)
        [(0, 1.0), (1, 0.6666666666666667), (2, 0.33333333333333337)]

        """
        shown = min(steps, PREVIEW_POINTS)
        # Fractions, because a float of 10^18 steps rounds to a step beyond the last.
        gaps = max(1, shown - 1)
        picked = sorted({round(Fraction(i * (steps - 1), gaps)) for i in range(shown)})
        return [(step, self.factor(step, steps)) for step in picked]

    @property
    def words(self) -> str:
        """The schedule for people.

        >>> Schedule(ScheduleShape.WSD).words
        '10% linear warm-up, constant until the last 20%, then a linear fall to 0% of the peak'

        """
        warmup = f"{_percent(self.warmup_fraction)} linear warm-up"
        final = f"to {_percent(self.final_fraction)} of the peak"
        match self.shape:
            case ScheduleShape.CONSTANT:
                return f"{warmup}, then constant"
            case ScheduleShape.WSD:
                stable = f"constant until the last {_percent(self.decay_fraction)}"
                return f"{warmup}, {stable}, then a linear fall {final}"
            case _:
                return f"{warmup}, then a {self.shape} fall {final}"

    @property
    def python_source(self) -> str:
        """Statements that return the factor of update `step` out of `steps`, for generated code."""
        return _WARMUP.substitute(warmup=repr(self.warmup_fraction)) + _DECAYS[
            self.shape
        ].substitute(decay=repr(self.decay_fraction), final=repr(self.final_fraction))


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.3g}%"


_WARMUP: Final = Template("""\
warmup = math.floor($warmup * steps)
if step < warmup:
    return (step + 1) / warmup
""")
_DECAYS: Final = {
    ScheduleShape.CONSTANT: Template("return 1.0"),
    ScheduleShape.LINEAR: Template(
        "progress = (step - warmup) / (steps - warmup)\n"
        "return $final + (1 - $final) * (1 - progress)"
    ),
    ScheduleShape.COSINE: Template(
        "progress = (step - warmup) / (steps - warmup)\n"
        "return $final + (1 - $final) * (1 + math.cos(math.pi * progress)) / 2"
    ),
    ScheduleShape.WSD: Template(
        "decay_start = max(warmup, steps - math.ceil($decay * steps))\n"
        "if step < decay_start:\n"
        "    return 1.0\n"
        "progress = (step - decay_start) / (steps - decay_start)\n"
        "return $final + (1 - $final) * (1 - progress)"
    ),
}
