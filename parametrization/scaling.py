"""The numbers of every tensor at any width: initialisation, multiplier, rate, decay, epsilon."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from parametrization.roles import ModelShape, Role, TensorShape
from parametrization.rules import WIDTH_RULES, Optimizer, Parametrization, Scaling

_EVERYWHERE: Final = frozenset({"learning_rate", "init_std", "output_multiplier"})
HYPERPARAMETERS: Final[Mapping[Optimizer, frozenset[str]]] = {
    Optimizer.ADAM: _EVERYWHERE | {"beta1", "beta2", "epsilon"},
    Optimizer.ADAMW: _EVERYWHERE | {"beta1", "beta2", "epsilon", "weight_decay"},
    Optimizer.SGD: _EVERYWHERE | {"momentum", "weight_decay"},
}
"""What each optimizer is configured by; all are needed, no other is taken."""

_SPOKEN: Final = {Optimizer.ADAM: "Adam", Optimizer.ADAMW: "AdamW", Optimizer.SGD: "SGD"}


@dataclass(frozen=True, slots=True)
class TensorScaling:
    """One tensor at one width, as numbers that need no further rule.

    Attributes:
        init_std: of a zero-mean normal draw; None where every entry starts at `constant`.
        constant: value of every entry at the start; None where `init_std` is given.
        multiplier: factor on the layer's output; 1 everywhere but at readouts.
        weight_decay: as torch takes it, to be multiplied by the learning rate.
        epsilon: added after the square root; None for optimizers without one.

    """

    name: str
    role: Role
    shape: tuple[int, ...]
    init_std: float | None
    constant: float | None
    multiplier: float
    learning_rate: float
    weight_decay: float
    epsilon: float | None
    reason: str


def scale_model(
    shape: ModelShape,
    *,
    optimizer: Optimizer,
    parametrization: Parametrization,
    hyperparameters: Mapping[str, float],
    width: int,
) -> tuple[TensorScaling, ...]:
    """Every tensor of the model at `width`, in the shape's order.

    Raises:
        ValueError: if a hyperparameter is missing, unknown or out of range, or if some dimension
            would not be a whole number at this width.

    """
    width_mult = width / shape.base_width
    for tensor in shape.tensors:
        sizes = [s for s, wide in zip(tensor.base_shape, tensor.infinite, strict=True) if wide]
        if any(size * width % shape.base_width for size in sizes):
            raise ValueError(
                f"width {width} gives {tensor.name} no whole shape: it is {tensor.base_shape} at"
                f" the base width {shape.base_width}; choose a multiple of"
                f" {shape.base_width // math.gcd(shape.base_width, *sizes)}"
            )
    return tuple(
        scale_tensor(
            tensor,
            optimizer=optimizer,
            parametrization=parametrization,
            hyperparameters=hyperparameters,
            width_mult=width_mult,
        )
        for tensor in shape.tensors
    )


def scale_tensor(
    tensor: TensorShape,
    *,
    optimizer: Optimizer,
    parametrization: Parametrization,
    hyperparameters: Mapping[str, float],
    width_mult: float,
) -> TensorScaling:
    """One tensor at `width_mult` times the base width.

    Args:
        hyperparameters: at the base width, exactly the names in `HYPERPARAMETERS[optimizer]`.
            `init_std` multiplies every random tensor's standard deviation, `output_multiplier`
            the readout's forward multiplier.
        width_mult: width / base width, > 0.

    Raises:
        ValueError: if a hyperparameter is missing, unknown or out of range.

    """
    if not width_mult > 0:
        raise ValueError(f"width_mult must be positive, got {width_mult}")
    given = _checked(optimizer, hyperparameters)
    row = WIDTH_RULES.get((parametrization, optimizer, tensor.role))
    if row is None:
        raise ValueError(
            f"{optimizer} has no rule for {tensor.name}, a {tensor.role}: use adamw, or let its"
            " output grow with width"
        )
    m_in = _growth(tensor, tensor.fan_in_axis, width_mult)
    m_out = _growth(tensor, tensor.fan_out_axis, width_mult)
    base_std = tensor.base_std
    multiplier = given["output_multiplier"] if tensor.role is Role.OUTPUT or tensor.tied else 1.0
    if tensor.tied and parametrization is Parametrization.MUP:
        multiplier /= m_out  # the readout's fan-in is what the lookup puts out
    epsilon = given.get("epsilon")
    return TensorScaling(
        name=tensor.name,
        role=tensor.role,
        shape=tensor.shape_at(width_mult),
        init_std=None if base_std is None else base_std * given["init_std"] * m_in**row.init_std,
        constant=tensor.constant if base_std is None else None,
        multiplier=multiplier * m_in**row.multiplier,
        learning_rate=given["learning_rate"] * m_in**row.lr_in * m_out**row.lr_out,
        weight_decay=given.get("weight_decay", 0.0) * m_in**row.wd_in * m_out**row.wd_out,
        epsilon=None if epsilon is None else epsilon * m_in**row.eps_in * m_out**row.eps_out,
        reason=_reason(tensor.role, optimizer, parametrization, m_in, m_out),
    )


def _growth(tensor: TensorShape, axis: int | None, width_mult: float) -> float:
    return width_mult if axis is not None and tensor.infinite[axis] else 1.0


def _checked(optimizer: Optimizer, hyperparameters: Mapping[str, float]) -> dict[str, float]:
    """The hyperparameters as plain floats.

    A tensor given as a rate must not be scaled in place: `float` also detaches the caller's.
    """
    given = {name: float(value) for name, value in hyperparameters.items()}
    if optimizer is Optimizer.ADAM and given.pop("weight_decay", 0.0) != 0.0:
        raise ValueError(
            "adam takes no weight_decay: L2 in the gradient is normalised away by Adam, so no rule"
            " keeps its strength over widths; use adamw, which decays the weights themselves"
        )
    needed = HYPERPARAMETERS[optimizer]
    if missing := sorted(needed - given.keys()):
        raise ValueError(f"{optimizer} needs {', '.join(missing)}")
    if unknown := sorted(given.keys() - needed):
        raise ValueError(
            f"{optimizer} does not know {', '.join(unknown)}: it takes {', '.join(sorted(needed))}"
        )
    for name, value in given.items():
        if problem := _problem(name, value):
            raise ValueError(f"{name} must be {problem}, got {value}")
    return given


def _problem(name: str, value: float) -> str | None:
    """What the value should have been, or None if it is right."""
    if not math.isfinite(value):
        return "finite"
    if name in _EVERYWHERE:
        return None if value > 0 else "positive"
    if name in ("beta1", "beta2", "momentum"):
        return None if 0 <= value < 1 else "in [0, 1)"
    return None if value >= 0 else "zero or more"


def _reason(
    role: Role, optimizer: Optimizer, parametrization: Parametrization, m_in: float, m_out: float
) -> str:
    if parametrization is Parametrization.SP:
        return f"{role}: the same {_SPOKEN[optimizer]} rate at every width (standard)"
    row = WIDTH_RULES[parametrization, optimizer, role]
    rate = _factor_words(m_in**row.lr_in * m_out**row.lr_out)
    parts = [*_growth_words(row, m_in, m_out), f"{_SPOKEN[optimizer]} rate {rate}"]
    if row.multiplier:
        parts.append(f"forward multiplier {_factor_words(m_in**row.multiplier)}")
    return f"{role}: {', '.join(parts)} (TP V Table 8)"


def _growth_words(row: Scaling, m_in: float, m_out: float) -> Iterator[str]:
    """The dimensions whose growth this row reacts to."""
    reactions = (
        ("fan-in", m_in, row.lr_in or row.multiplier),
        ("fan-out", m_out, row.lr_out),
    )
    for dimension, growth, exponent in reactions:
        if exponent and growth != 1:
            yield (
                f"{dimension} grows {growth:g}x"
                if growth > 1
                else f"{dimension} shrinks {1 / growth:g}x"
            )


def _factor_words(factor: float) -> str:
    if math.isclose(factor, 1):
        return "unchanged"
    return f"x {factor:g}" if factor > 1 else f"/ {1 / factor:g}"
