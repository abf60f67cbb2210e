"""A schedule of a package's own."""

from typing import Final

from parametrization.schedules.declaration import ShapeDeclaration, ShapeNumber


def exponential(progress: float, span: float, halvings: float) -> float:
    """Halve the rate as often."""
    return float(2 ** (-halvings * progress))


EXPONENTIAL: Final = ShapeDeclaration(
    name="exponential",
    words="Halves the rate a number of times over the decay phase.",
    spoken="an exponential fall",
    fall=exponential,
    ends=False,
    numbers={
        "halvings": ShapeNumber(default=5.0, low=0.1, high=30.0, words="Over the decay phase.")
    },
)
