"""The request for a study's dynamics: curvature, gradient noise and edge of stability."""

from typing import Final

from pydantic import Field

from tuner.spec.submitted import Submitted

MOST_PRODUCTS: Final = 32
"""With a matrix, for its eigenvalues: each keeps a vector as large as the model."""
LANDSCAPE_SIDE: Final = 9
"""Offsets of the landscape along either direction."""


class Dynamics(Submitted):
    """Measurements along the winner's training, once at every width that was measured."""

    looks: int = Field(default=4, ge=2, le=32)
    """Moments of training, evenly from its start to its end."""
    eigenvalues: int = Field(default=3, ge=2, le=16)
    """The largest, of the Hessian and of the Gauss-Newton matrix."""
    examples: int = Field(default=32, ge=1, le=65_536)
    """Examples of the batches that the curvature is measured on."""
    noise_batches: int = Field(default=16, ge=2, le=1_024)
    """Training batches whose gradients are compared, a look."""

    def steps_of(self, steps: int) -> tuple[int, ...]:
        """Numbers of updates after which the model is measured."""
        last = self.looks - 1
        return tuple(sorted({round(at * steps / last) for at in range(self.looks)}))
