"""Note proxies that are smaller than the literature trusts; the note changes no verdict.

Proxies below the floor may not show the target's optimum. The study's own drift and check measure
that, so every answer states the sizes and none is judged by them.
"""

from collections.abc import Sequence
from typing import Final

from tuner.spec.study import StudySpec

FLOOR: Final = {"width": 256, "depth": 4, "batch_size": 32, "context": 128, "steps": 5000}
"""Source: arXiv:2203.03466, App. D."""
SOURCE: Final = "arXiv:2203.03466, App. D"


def below_the_floor(spec: StudySpec, measured: Sequence[int]) -> str:
    """The sizes of the proxies below the floor, in words; empty if none is.

    Args:
        measured: widths with a measured optimum.

    """
    actual = {
        "width": max(measured, default=spec.proxy_width),
        "depth": spec.family.depth,
        "batch_size": spec.training.batch_size,
        "steps": spec.training.steps,
    }
    if spec.family.tokens_per_example > 1:
        actual["context"] = spec.family.tokens_per_example
    low = [
        f"{name} {value:,} < {FLOOR[name]:,}"
        for name, value in actual.items()
        if value < FLOOR[name]
    ]
    if not low:
        return ""
    return f"proxies below what the literature trusts ({SOURCE}): {', '.join(low)}"
