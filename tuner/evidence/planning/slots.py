"""Slots that a planned study could use: how long its work takes on them, and at what price."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from tuner.evidence.preview import MeasuredSpeed
from tuner.spec.budget import SECONDS_OF_HOUR
from tuner.spec.study import StudySpec


class SlotsAtWork(NamedTuple):
    """Slots that a study could use."""

    number: int = 0
    speeds: Sequence[MeasuredSpeed] = ()
    """Of trials of other studies; those of the same family and nearest width are used."""
    price_per_hour: float | None = None
    """Of a slot; None if it has no price."""

    @property
    def words(self) -> str:
        """Their number as text."""
        return f"{self.number} {'slot' if self.number == 1 else 'slots'}"

    def of_family(self, name: str) -> list[MeasuredSpeed]:
        """Speeds of a family's trials."""
        return [speed for speed in self.speeds if speed.family == name]

    def seconds_each(
        self, family: str, work: Sequence[tuple[int, float | None]]
    ) -> list[float] | None:
        """Seconds of each part of the work on one slot; None where any is not known.

        Args:
            work: (width, FLOPs) of each part.

        """
        own = self.of_family(family)
        known = [(width, flops) for width, flops in work if flops is not None]
        if not own or not self.number or len(known) < len(work):
            return None
        return [flops / _nearest(own, width).flops_per_second for width, flops in known]

    def cost(self, slot_seconds: float) -> float | None:
        """Price of time on a slot; None if it has none."""
        price = self.price_per_hour
        return slot_seconds / SECONDS_OF_HOUR * price if price else None


def unknown_size(spec: StudySpec) -> str:
    """The note of a study whose costs are not known."""
    return (
        f"how many parameters a model of the family {spec.family.name} has is known once a study"
        " of it has been described: costs follow then"
    )


def unknown_speed(spec: StudySpec) -> str:
    """The note of a study whose duration is not known."""
    return (
        f"no trial of the family {spec.family.name} has trained here yet: how long it takes is not"
        " known"
    )


def _nearest(speeds: Sequence[MeasuredSpeed], width: int) -> MeasuredSpeed:
    """The speed at the width that is fewest doublings away.

    Args:
        speeds: at least one.

    """
    return min(speeds, key=lambda speed: abs(math.log2(speed.width / width)))
