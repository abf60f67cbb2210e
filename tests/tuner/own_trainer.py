"""A study of the family `external`, and a trainer whose loss has a known best learning rate."""

import math
import random
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from tests.tuner.analytic_engine import SHAPE

BEST_LOG2_RATE: Final = -6.0
STEPS: Final = 8
SHAPES: Final[dict[str, Any]] = asdict(SHAPE)


def external_spec(**fields: Any) -> dict[str, Any]:  # noqa: ANN401  parts of a specification
    """A small study, as it is submitted."""
    given: dict[str, Any] = {
        "family": {"name": "external", "shapes": SHAPES, "example_tokens": 32},
        "target": {"width": 256},
        "training": {"steps": STEPS, "batch_size": 4},
        "search": {"trials": 8, "batch_size": 4},
        "measure": {"grid_points": 5},
    }
    return given | fields


def losses(lease: dict[str, Any], *, noise: float = 0.002) -> list[float | None]:
    """Training losses of every update; None from the update at which a rate is far too high."""
    rate = math.log2(lease["hyperparameters"]["learning_rate"])
    away = rate - BEST_LOG2_RATE
    if away > 3:
        return [2.0, 3.0, None]
    drawn = random.Random(f"{lease['seed']}/{rate}/{lease['width']}").gauss(0, noise)
    floor = 3.0 - 0.1 * math.log2(lease["width"]) + 0.05 * away**2 + drawn
    return [floor + 2.0 / step for step in range(1, lease["steps"] + 1)]


def report(lease: dict[str, Any], step: int, train_loss: Sequence[float | None]) -> dict[str, Any]:
    """The body of a report."""
    return {"attempt": lease["attempt"], "step": step, "train_loss": list(train_loss)}
