"""The ratios of a target to the base along every axis."""

import math
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Multipliers:
    """Target over base along every axis, each positive and finite.

    Attributes:
        width: width / base width.
        depth: residual blocks over those of the base.
        batch: examples per update over the base's.
        tokens: tokens seen in training over the base's.

    """

    width: float = 1.0
    depth: float = 1.0
    batch: float = 1.0
    tokens: float = 1.0

    def __post_init__(self) -> None:
        """Refuse ratios that no model has.

        Raises:
            ValueError: naming the axis and its value.

        """
        for axis in fields(self):
            if not 0 < getattr(self, axis.name) < math.inf:
                raise ValueError(
                    f"the {axis.name} multiplier must be positive, got {getattr(self, axis.name)}"
                )
