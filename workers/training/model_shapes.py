"""Base shapes of a specified model, and the numbers that its parametrization gives each tensor."""

from collections.abc import Mapping
from functools import cache

from parametrization.nn.base_shapes import derive_model_shape
from parametrization.scaling.model_scaling import scale
from parametrization.scaling.tensor_scaling import TensorScaling
from parametrization.shapes.roles import ModelShape
from tuner.engine.orders import ModelSpec
from workers.models.build import build_model, declared, declared_blocks, fixed_starts


def model_shape(spec: ModelSpec) -> ModelShape:
    """Names, base shapes and roles of the model's tensors; the spec's own width is not read."""
    return _shape_at_base(spec.model_copy(update={"width": spec.base_width}))


def model_scalings(
    spec: ModelSpec, optimizer: str, hyperparameters: Mapping[str, float]
) -> tuple[TensorScaling, ...]:
    """Every tensor's initialisation, multiplier and rates at the spec's width.

    Raises:
        ValueError: if a hyperparameter is missing, unknown or out of range.

    """
    return scale(
        model_shape(spec),
        hyperparameters,
        spec.multipliers,
        optimizer=optimizer,
        parametrization=spec.parametrization,
        policies=spec.policies,
    )


@cache
def _shape_at_base(spec: ModelSpec) -> ModelShape:
    base = build_model(spec, device="meta")
    delta = build_model(spec, width=2 * spec.base_width, device="meta")
    return derive_model_shape(
        base,
        delta,
        spec.base_width,
        roles=declared(spec.family),
        blocks=declared_blocks(spec.family),
        fixed=fixed_starts(spec.family),
    )
