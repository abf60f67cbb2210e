"""Turn the start that a model's author chose into that of muP: one factor a tensor."""

from collections.abc import Iterable

from parametrization.scaling.tensor_scaling import TensorScaling
from parametrization.shapes.roles import ModelShape, TensorShape


def own_start_factors(
    shape: ModelShape, scalings: Iterable[TensorScaling], width_multiplier: float
) -> dict[str, float | None]:
    """Factor on the author's own initial value of each tensor of the target.

    The size of the author's start follows width by a power of its own (-1/2 for torch's layers, 0
    for one standard deviation everywhere), that of muP by the row's: the factor is the width
    multiplier to their difference, times the hyperparameter init_std. At the base width and with
    init_std 1 it is 1.

    Args:
        shape: whose tensors know the power of their own start.
        scalings: of the target, in the form in which it will train.
        width_multiplier: target width over base width.

    Returns:
        By name; None where the power is unknown. Tensors that are kept, or start at zero, have 1.

    """
    by_name = {scaling.name: scaling for scaling in scalings}
    return {
        tensor.name: _factor(tensor, by_name[tensor.name], width_multiplier)
        for tensor in shape.tensors
    }


def _factor(tensor: TensorShape, scaling: TensorScaling, width: float) -> float | None:
    if scaling.kept or tensor.zero:
        return 1.0
    drawn, base = scaling.init_std, tensor.base_std
    grown = 1.0 if drawn is None or base is None else drawn / base
    if drawn is None and tensor.constant:
        assert scaling.constant is not None
        grown = scaling.constant / tensor.constant
    if tensor.start_exponent is None:
        return None
    return float(grown * width**-tensor.start_exponent)
