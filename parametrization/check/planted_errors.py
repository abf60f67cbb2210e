"""Errors to plant on purpose: a check that has not been seen to fail says nothing.

Each takes a tensor's right numbers and the growth of width (or depth) and gives wrong ones.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from parametrization.scaling.tensor_scaling import TensorScaling
from parametrization.shapes.roles import Role

Plant = Callable[[TensorScaling, float], TensorScaling]

POWERS: Final = {"1": 1.0, "1/2": 0.5, "-1/2": -0.5, "-1": -1.0}
UNSCALED_EPSILON: Final = 1e-4


def wrong_rate(role: Role, power: float) -> Plant:
    """A learning rate off by a power of width in every tensor of one role."""

    def plant(scaling: TensorScaling, m: float) -> TensorScaling:
        if scaling.role is not role:
            return scaling
        return replace(scaling, learning_rate=scaling.learning_rate * m**power)

    return plant


def wrong_start(role: Role, power: float) -> Plant:
    """An initial deviation off by a power of width in every tensor of one role."""

    def plant(scaling: TensorScaling, m: float) -> TensorScaling:
        if scaling.role is not role or scaling.init_std is None:
            return scaling
        return replace(scaling, init_std=scaling.init_std * m**power)

    return plant


def forgotten_multiplier(scaling: TensorScaling, m: float) -> TensorScaling:
    """No readout multiplier."""
    return replace(scaling, multiplier=1.0)


def unscaled_epsilon(scaling: TensorScaling, m: float) -> TensorScaling:
    """One epsilon for every width, of a size that matters."""
    return replace(scaling, epsilon=None if scaling.epsilon is None else UNSCALED_EPSILON)


WIDTH_ERRORS: Final[Mapping[str, Plant]] = {
    **{
        f"{role} rate x m^{words}": wrong_rate(role, power)
        for role in (Role.INPUT, Role.HIDDEN, Role.OUTPUT, Role.VECTOR)
        for words, power in POWERS.items()
    },
    "readout init x sqrt(m)": wrong_start(Role.OUTPUT, 0.5),
    "readout init / sqrt(m)": wrong_start(Role.OUTPUT, -0.5),
    "hidden init x sqrt(m)": wrong_start(Role.HIDDEN, 0.5),
    "hidden init / sqrt(m)": wrong_start(Role.HIDDEN, -0.5),
    "readout multiplier forgotten": forgotten_multiplier,
}
"""Errors of every optimizer, by name."""

EPSILON_ERRORS: Final[Mapping[str, Plant]] = {"epsilon 1e-4 not scaled": unscaled_epsilon}
"""Errors of optimizers that have an epsilon."""
