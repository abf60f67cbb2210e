"""The table users ask for: what every parameter of a model gets, and why."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from torch import nn

from parametrization.nn.initialise import match
from parametrization.scaling.tensor_scaling import TensorScaling

_HEADINGS = ("parameter", "shape", "role", "rate", "decay", "eps", "std", "multiplier", "why")


@dataclass(frozen=True, slots=True)
class ParameterDescription:
    """One parameter at its width.

    Attributes:
        epsilon: None for optimizers without one.
        initial_std: None where every entry starts at one value.
        constant: that value; None where `initial_std` is given.
        multiplier: on the layer's output, in the forward pass.

    """

    name: str
    shape: tuple[int, ...]
    role: str
    learning_rate: float
    weight_decay: float
    epsilon: float | None
    initial_std: float | None
    constant: float | None
    multiplier: float
    why: str


def describe(
    scalings: Iterable[TensorScaling], model: nn.Module | None = None
) -> tuple[ParameterDescription, ...]:
    """Every parameter's numbers, in the order of the scalings.

    Args:
        scalings: from `scale_model` or a recommendation.
        model: if given, the scalings are first held against its names and shapes.

    Raises:
        ValueError: if the scalings are not those of the model.

    """
    listed = list(scalings)
    if model is not None:
        listed = [scaling for _, scaling in match(model, listed)]
    return tuple(
        ParameterDescription(
            name=scaling.name,
            shape=scaling.shape,
            role=scaling.role.value,
            learning_rate=scaling.learning_rate,
            weight_decay=scaling.weight_decay,
            epsilon=scaling.epsilon,
            initial_std=scaling.init_std,
            constant=scaling.constant,
            multiplier=scaling.multiplier,
            why=scaling.reason,
        )
        for scaling in listed
    )


def as_text(described: Sequence[ParameterDescription]) -> str:
    """The records as a table of plain text, one line per parameter."""
    rows = [_HEADINGS, *(_cells(one) for one in described)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
    return "\n".join(lines)


def _cells(one: ParameterDescription) -> tuple[str, ...]:
    start = f"{one.initial_std:.3g}" if one.initial_std is not None else f"all {one.constant:g}"
    return (
        one.name,
        "x".join(map(str, one.shape)) or "scalar",
        one.role,
        f"{one.learning_rate:.3g}",
        f"{one.weight_decay:.3g}",
        "-" if one.epsilon is None else f"{one.epsilon:.3g}",
        start,
        f"{one.multiplier:.3g}",
        one.why,
    )
