"""Scalings for code that cannot change its forward pass: multipliers moved into the numbers.

The abc symmetry (Yang et al. 2022, arXiv:2203.03466, Lemma J.1): a forward multiplier a may become
1 if the tensor starts a times as large and every step is a times as long. Gradients are then
1/a times as large, so that an update of degree p needs a rate times a ** (1 + p), and one relative
to the tensor's size, a ** p.
"""

from collections.abc import Iterable
from dataclasses import replace

from parametrization.optimizers.declaration import OptimizerDeclaration
from parametrization.optimizers.registry import declared
from parametrization.scaling.tensor_scaling import TensorScaling
from parametrization.scaling.words import factor_words


def multiplier_free(
    scalings: Iterable[TensorScaling],
    *,
    gradient_clip_norm: float | None = None,
    gradient_clip_value: float | None = None,
    gradient_clip_percentile: float | None = None,
    tied: Iterable[str] = (),
) -> tuple[TensorScaling, ...]:
    """The same training with every forward multiplier at 1, in exact arithmetic.

    Args:
        gradient_clip_norm: limit on the global norm; None where it is not clipped.
        gradient_clip_value: limit on entries; None likewise.
        gradient_clip_percentile: of earlier norms, the limit on the global norm; None likewise.
        tied: tensors that two layers share.

    Raises:
        ValueError: if gradients are clipped, or a tensor with a multiplier is tied: there is no
            such form then.

    """
    given = tuple(scalings)
    with_multiplier = [scaling.name for scaling in given if scaling.multiplier != 1]
    limits = {
        "gradient_clip_norm": gradient_clip_norm,
        "gradient_clip_value": gradient_clip_value,
        "gradient_clip_percentile": gradient_clip_percentile,
    }
    clipped = [f"{name}={limit:g}" for name, limit in limits.items() if limit is not None]
    if with_multiplier and clipped:
        raise ValueError(
            f"{clipped[0]} has no multiplier-free form: the gradient"
            f" of {with_multiplier[0]} grows with width there and dominates what is clipped; clip"
            " with the multiplier form, or divide that gradient by its multiplier before clipping"
        )
    if shared := sorted({*with_multiplier} & {*tied}):
        raise ValueError(
            f"{shared[0]} is tied and cannot lose its multiplier: as an embedding it must start at"
            " another size than as a readout; keep the multiplier, or untie the two"
        )
    return tuple(_without_multiplier(scaling) for scaling in given)


def _without_multiplier(scaling: TensorScaling) -> TensorScaling:
    moved = scaling.multiplier
    if moved == 1:
        return scaling
    optimizer = declared(scaling.optimizer)
    rate = moved ** _rate_power(optimizer)
    return replace(
        scaling,
        init_std=None if scaling.init_std is None else scaling.init_std * moved,
        constant=None if scaling.constant is None else scaling.constant * moved,
        multiplier=1.0,
        learning_rate=scaling.learning_rate * rate,
        weight_decay=scaling.weight_decay * moved ** -_decay_power(optimizer),
        epsilon=None
        if scaling.epsilon is None
        else scaling.epsilon * moved**-optimizer.epsilon_power,
        others={
            name: value * moved ** _other_power(optimizer, name)
            for name, value in scaling.others.items()
        },
        reason=f"{scaling.reason}; multiplier moved out of the forward pass: initial size"
        f" {factor_words(moved)}, rate {factor_words(rate)}",
    )


def _rate_power(optimizer: OptimizerDeclaration) -> float:
    if optimizer.rate != "learning_rate":
        return 0
    return 1 + optimizer.step.degree - optimizer.weight_degree


def _decay_power(optimizer: OptimizerDeclaration) -> float:
    """Power of the factor that divides the decay, so that each step shrinks the tensor equally."""
    if optimizer.decay_degree is None:
        return _rate_power(optimizer)
    return 1 + optimizer.decay_degree  # inside a trust ratio, beside a gradient over a weight


def _other_power(optimizer: OptimizerDeclaration, name: str) -> float:
    row = optimizer.hyperparameter_row(name)
    return 0 if row is None else row.size_power - row.gradient_power
