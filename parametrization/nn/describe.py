"""A table of every parameter of a model with its numbers and the rules behind them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from torch import nn

from parametrization.nn.initialise import match
from parametrization.rules.policies import Policies
from parametrization.scaling.companions import flat_defaults
from parametrization.scaling.model_scaling import scale
from parametrization.scaling.multipliers import Multipliers
from parametrization.scaling.tensor_scaling import DEFAULT_POLICIES, TensorScaling
from parametrization.shapes.like_tensors import family_pattern
from parametrization.shapes.roles import ModelShape

_HEADINGS = ("parameter", "shape", "role", "rate", "decay", "eps", "std", "multiplier", "why")


@dataclass(frozen=True, slots=True)
class ParameterDescription:
    """One parameter at its width.

    Attributes:
        epsilon: None for optimizers without one.
        initial_std: None where every entry starts at one value.
        constant: that value; None where `initial_std` is given, or the model's own start is kept.
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


class Description(tuple[ParameterDescription, ...]):
    """Every parameter's record; as text a table, like tensors of all blocks in one line."""

    def collapsed(self) -> tuple[ParameterDescription, ...]:
        """Tensors whose names differ in block numbers, and whose numbers do not, as one."""
        like: dict[ParameterDescription, list[ParameterDescription]] = {}
        for one in self:
            like.setdefault(replace(one, name=family_pattern(one.name)), []).append(one)
        return tuple(family if len(members) > 1 else members[0] for family, members in like.items())

    def __str__(self) -> str:
        return as_text(self.collapsed())


def describe(
    of: ModelShape | Iterable[TensorScaling],
    model: nn.Module | None = None,
    *,
    width: int | None = None,
    optimizer: str = "adamw",
    hyperparameters: Mapping[str, float] | None = None,
    policies: Policies = DEFAULT_POLICIES,
) -> Description:
    """Every parameter's numbers, in order; printed, it is a table with blocks collapsed.

    Args:
        of: base shapes, or scalings from `scale` or a recommendation.
        model: if given, the numbers are first held against its names and shapes; its frozen
            readouts get no multiplier.
        width: at which base shapes are scaled; default: the base width. Not read for scalings, as
            are the others.
        optimizer: whose rules are used.
        hyperparameters: at the base; default: the optimizer's defaults at a rate of 1, so that the
            rates shown are factors on the one that will be tuned.
        policies: choices between rules that are disputed.

    Raises:
        ValueError: if the numbers are not those of the model, or cannot be had at this width.

    """
    if isinstance(of, ModelShape):
        usual = {"learning_rate": 1.0, "init_std": 1.0, "output_multiplier": 1.0}
        given = hyperparameters or flat_defaults(optimizer) | usual
        ratio = Multipliers((width or of.base_width) / of.base_width)
        listed = list(scale(of, given, ratio, optimizer=optimizer, policies=policies))
    else:
        listed = list(of)
    if model is not None:
        listed = [
            scaling if owned.parameter.requires_grad else replace(scaling, multiplier=1.0)
            for owned, scaling in match(model, listed)
        ]
    return Description(
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
    return (
        one.name,
        "x".join(map(str, one.shape)) or "scalar",
        one.role,
        f"{one.learning_rate:.3g}",
        f"{one.weight_decay:.3g}",
        "-" if one.epsilon is None else f"{one.epsilon:.3g}",
        _start(one),
        f"{one.multiplier:.3g}",
        one.why,
    )


def _start(one: ParameterDescription) -> str:
    if one.initial_std is not None:
        return f"{one.initial_std:.3g}"
    return "its own" if one.constant is None else f"all {one.constant:g}"
