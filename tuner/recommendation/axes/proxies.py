"""Say where the proxies are smaller than the literature trusts: a basis, and no verdict.

Proxies below the floor may not show the target's optimum. That they do, or do not, is what the
study's own drift and check tell; so every answer states it and none is worse for it.
"""

from collections.abc import Sequence
from typing import Final

from tuner.spec.study import StudySpec

FLOOR: Final = {"width": 256, "depth": 4, "batch_size": 32, "context": 128, "steps": 5000}
"""Source: arXiv:2203.03466, App. D."""
SOURCE: Final = "arXiv:2203.03466, App. D"


def below_the_floor(spec: StudySpec, measured: Sequence[int]) -> str:
    """In words what of the proxies lies below it; empty if nothing does.

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
