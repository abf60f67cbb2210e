"""What each optimizer is configured by, and the values that make sense."""

import math
from collections.abc import Callable, Mapping
from typing import Final

from parametrization.optimizers.names import PLUGINS, Optimizer
from parametrization.optimizers.traits import TRAITS
from parametrization.shapes.roles import Role

EVERYWHERE: Final = frozenset({"learning_rate", "init_std", "output_multiplier"})
HYPERPARAMETERS: Final[Mapping[Optimizer, frozenset[str]]] = {
    optimizer: EVERYWHERE | traits.takes for optimizer, traits in TRAITS.items()
}
"""What each optimizer is configured by; all are needed."""
RATE_MULTIPLIERS: Final[Mapping[str, frozenset[Role]]] = {
    "input_rate_multiplier": frozenset({Role.INPUT}),
    "output_rate_multiplier": frozenset({Role.OUTPUT}),
    "vector_rate_multiplier": frozenset(
        {Role.VECTOR, Role.SCALAR, Role.QK_NORM_GAIN, Role.FINAL_NORM}
    ),
}
"""Factors on the rate of a class of tensors, at every width; any may be missing and is then 1.

Exponents of width transfer, constants are tuned class by class (Everett et al. 2024,
arXiv:2407.05872). Hidden matrices have none: theirs is the learning rate itself.
"""

_L2_INSIDE: Final = (Optimizer.ADAM, Optimizer.RMSPROP, Optimizer.ADAGRAD)

_RANGES: Final[Mapping[str, tuple[str, Callable[[float], bool]]]] = {
    **dict.fromkeys(
        (
            *EVERYWHERE,
            *RATE_MULTIPLIERS,
            "radius",
            "damping",
            "trust_coefficient",
            "clip_threshold",
        ),
        ("positive", lambda value: value > 0),
    ),
    **dict.fromkeys(
        ("beta1", "beta2", "momentum", "beta_factors", "beta_squares"),
        ("in [0, 1)", lambda value: 0 <= value < 1),
    ),
    "beta2_decay": ("negative", lambda value: value < 0),
}
_OWN_RANGES: Final[Mapping[tuple[Optimizer, str], tuple[str, Callable[[float], bool]]]] = {
    # The average is recovered by dividing by it.
    (Optimizer.SCHEDULE_FREE_ADAMW, "beta1"): ("in (0, 1)", lambda value: 0 < value < 1),
    **{
        (Optimizer(optimizer), name): (given.range.value, given.range.holds)
        for optimizer, plugin in PLUGINS.usable.items()
        for name, given in plugin.declaration.hyperparameters.items()
    },
}
_AT_LEAST_ZERO: Final = ("zero or more", lambda value: value >= 0)


def checked(optimizer: Optimizer, hyperparameters: Mapping[str, float]) -> dict[str, float]:
    """The hyperparameters as plain floats.

    A tensor given as a rate must not be scaled in place: `float` also detaches the caller's.

    Raises:
        ValueError: if one is missing, unknown or out of range.

    """
    given = {name: float(value) for name, value in hyperparameters.items()}
    if optimizer in _L2_INSIDE and given.pop("weight_decay", 0.0) != 0.0:
        raise ValueError(
            f"{optimizer} takes no weight_decay: L2 in the gradient is normalised away by"
            f" {TRAITS[optimizer].spoken}, so no rule keeps its strength over widths; use adamw,"
            " which decays the weights themselves"
        )
    needed = HYPERPARAMETERS[optimizer]
    if missing := sorted(needed - given.keys()):
        raise ValueError(f"{optimizer} needs {', '.join(missing)}")
    if unknown := sorted(given.keys() - needed - RATE_MULTIPLIERS.keys()):
        raise ValueError(
            f"{optimizer} does not know {', '.join(unknown)}: it takes {', '.join(sorted(needed))}"
        )
    for name, value in given.items():
        if problem := _problem(optimizer, name, value):
            raise ValueError(f"{name} must be {problem}, got {value}")
    return given


def rate_multiplier(role: Role, hyperparameters: Mapping[str, float]) -> float:
    """The factor on the rate of a tensor of this role.

    >>> rate_multiplier(Role.SCALAR, {"vector_rate_multiplier": 2.0})
    2.0
    >>> rate_multiplier(Role.HIDDEN, {"vector_rate_multiplier": 2.0})
    1.0

    """
    factors = (
        hyperparameters.get(n, 1.0) for n, roles in RATE_MULTIPLIERS.items() if role in roles
    )
    return next(factors, 1.0)


def _problem(optimizer: Optimizer, name: str, value: float) -> str | None:
    """What the value should have been, or None if it is right."""
    if not math.isfinite(value):
        return "finite"
    words, is_right = _OWN_RANGES.get((optimizer, name)) or _RANGES.get(name, _AT_LEAST_ZERO)
    return None if is_right(value) else words
