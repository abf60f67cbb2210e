"""Learning-rate schedules as factors of the peak rate, in fractions of training.

Multiplicative on purpose: absolute floors and peaks (`eta_min`, `max_lr`) would set every
parameter group to one value and destroy the ratios between groups that muP needs.
"""

import math
from enum import StrEnum


class ScheduleShape(StrEnum):
    CONSTANT = "constant"
    LINEAR = "linear"  # to the final fraction along a straight line
    COSINE = "cosine"  # to the final fraction along half a cosine
    WSD = "wsd"  # warm-up, stable, linear decay over the last decay_fraction


def schedule_factor(
    shape: ScheduleShape,
    step: int,
    steps: int,
    *,
    warmup_fraction: float,
    decay_fraction: float,
    final_fraction: float,
) -> float:
    """Factor on the peak learning rate for update number `step` (0-based) of `steps`.

    Warm-up is linear and its first update already moves: update 0 of a 10-update warm-up runs
    at 1/10 of the peak. The last update runs just above the final fraction.

    Args:
        warmup_fraction: share of training spent warming up, in [0, 1).
        decay_fraction: share of training spent decaying; read by WSD alone, in (0, 1].
        final_fraction: factor that the decay aims at, in [0, 1].

    >>> options = dict(warmup_fraction=0.1, decay_fraction=0.2, final_fraction=0.0)
    >>> [round(schedule_factor(ScheduleShape.LINEAR, s, 100, **options), 3) for s in (0, 9, 10, 55)]
    [0.1, 1.0, 1.0, 0.5]

    """
    if not 0 <= step < steps:
        raise ValueError(f"step must be in [0, {steps}), got {step}")
    warmup_steps = math.floor(warmup_fraction * steps)
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    if shape is ScheduleShape.CONSTANT:
        return 1.0
    decay_start = warmup_steps
    if shape is ScheduleShape.WSD:
        decay_start = max(warmup_steps, steps - math.ceil(decay_fraction * steps))
    if step < decay_start:
        return 1.0
    progress = (step - decay_start) / (steps - decay_start)
    falling = (
        (1 + math.cos(math.pi * progress)) / 2 if shape is ScheduleShape.COSINE else 1 - progress
    )
    return final_fraction + (1 - final_fraction) * falling
