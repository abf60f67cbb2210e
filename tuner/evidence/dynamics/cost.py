"""Count the floating-point operations of a study's dynamics: trainings, and the looks at them."""

from collections.abc import Callable
from typing import Final

from tuner.evidence.flops import FORWARD_AND_BACKWARD
from tuner.spec.dynamics.asked import LANDSCAPE_SIDE, MOST_PRODUCTS, Dynamics
from tuner.spec.study import StudySpec

FORWARD: Final = 2.0
"""FLOPs of one parameter for one position that it works on, as those below."""
HESSIAN_PRODUCT: Final = 18.0
"""A gradient, and the two passes back through it."""
GAUSS_NEWTON_PRODUCT: Final = 16.0
"""The model once, pushed forward by two passes back, and pulled back."""


def dynamics_flops(spec: StudySpec, parameters: int) -> float:
    """FLOPs of measuring dynamics for one optimizer at one width; 0 if the study asks for none.

    One training from start to end, the largest number of matrix products that the iteration may
    take at every look, and the landscape at the last look.

    Args:
        parameters: number of parameters of the model of that width.

    """
    asked = spec.dynamics
    if not isinstance(asked, Dynamics):
        return 0.0
    batch = spec.training.batch_size
    trained = FORWARD_AND_BACKWARD * batch * spec.training.steps
    products = MOST_PRODUCTS * (2 * HESSIAN_PRODUCT + GAUSS_NEWTON_PRODUCT)  # also for the edge
    looked = asked.examples * (products + FORWARD)
    noise = FORWARD_AND_BACKWARD * batch * asked.noise_batches
    looks = len(asked.steps_of(spec.training.steps))
    landscape = FORWARD * asked.examples * LANDSCAPE_SIDE**2
    examples = trained + looks * (looked + noise) + landscape
    return examples * spec.family.positions_per_example(spec.dataset) * parameters


def dynamics_by_width(spec: StudySpec, parameters_at: Callable[[int], int]) -> dict[int, float]:
    """FLOPs of measuring dynamics for all optimizers, by width; {} if the study asks for none.

    Args:
        parameters_at: number of parameters of the model, by width.

    """
    if not spec.dynamics:
        return {}
    return {
        width: len(spec.optimizers) * dynamics_flops(spec, parameters_at(width))
        for width in spec.measure_widths
    }
