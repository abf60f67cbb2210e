"""List and validate each optimizer's hyperparameters."""

import math
from collections.abc import Mapping
from typing import Final

from parametrization.optimizers.declaration import Range
from parametrization.optimizers.registry import declared
from parametrization.shapes.roles import Role

EVERYWHERE: Final = frozenset({"learning_rate", "init_std", "output_multiplier"})
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


def names_of(optimizer: str) -> frozenset[str]:
    """Names of the hyperparameters that configure an optimizer; all are needed."""
    return EVERYWHERE | declared(optimizer).hyperparameters.keys()


def checked(optimizer: str, hyperparameters: Mapping[str, float]) -> dict[str, float]:
    """The hyperparameters as plain floats.

    A tensor given as a rate must not be scaled in place: `float` also detaches the caller's.

    Raises:
        ValueError: if one is missing, unknown or out of range.

    """
    given = {name: float(value) for name, value in hyperparameters.items()}
    for name, reason in declared(optimizer).refused.items():
        if given.pop(name, 0.0) != 0.0:
            raise ValueError(f"{optimizer} takes no {name}: {reason}")
    needed = names_of(optimizer)
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


def _problem(optimizer: str, name: str, value: float) -> str | None:
    """The requirement that the value does not meet, or None if it is right."""
    if not math.isfinite(value):
        return "finite"
    own = declared(optimizer).hyperparameters
    allowed = own[name].range if name in own else Range.POSITIVE  # a rate, a factor
    return None if allowed.holds(value) else allowed
