"""Defaults of a coordinate check: its small learning rates, widths and number of seeds."""

from collections.abc import Mapping

from parametrization.check.words import sized_by_gradient
from parametrization.optimizers.hyperparameters import RATE_MULTIPLIERS
from parametrization.optimizers.registry import PLUGINS, declared
from parametrization.scaling.companions import RATIO, assignment_of, companion_of, flat_defaults

NARROWEST = 64
"""Of the checked widths: slopes are taken where models are wide enough to have them."""
UPDATES = 4
"""Updates of a model between two looks at its activations."""


def check_hyperparameters(
    optimizer: str, fixed: Mapping[str, float] | None = None
) -> dict[str, float]:
    """Hyperparameters of a check: what is fixed, defaults beside it, and the small rate.

    Each optimizer of a mixed model is checked at its own small rate, so the ratio is theirs. A
    declaration says what its phases need to fall within the check's few updates.
    """
    lead, companion = declared(optimizer), companion_of(optimizer)
    rate = lead.check_learning_rate
    ratio = {} if companion is None else {RATIO: declared(companion).check_learning_rate / rate}
    return {
        **flat_defaults(lead.name),
        **(fixed or {}),
        **lead.check_hyperparameters,
        "learning_rate": rate,
        **dict.fromkeys(("init_std", "output_multiplier", *RATE_MULTIPLIERS), 1.0),
        **ratio,
    }


def check_seeds(optimizer: str) -> int:
    """More where steps have the gradient's size, whose noise is larger, and for plugins."""
    noisier = any(map(sized_by_gradient, assignment_of(optimizer).optimizers))
    return 8 if noisier or optimizer in PLUGINS.usable else 4


def check_widths(divisor: int) -> tuple[int, ...]:
    """Four widths that double, multiples of `divisor`, from the first that is 64 or more.

    >>> check_widths(48)
    (96, 192, 384, 768)

    """
    first = -(-NARROWEST // divisor) * divisor
    return tuple(first * 2**doubling for doubling in range(4))
