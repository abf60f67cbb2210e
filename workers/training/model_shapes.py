"""Base shapes of a specified model, and the numbers that its parametrization gives each tensor."""

from collections.abc import Mapping
from functools import cache, lru_cache

from parametrization.nn.base_shapes import derive_model_shape
from parametrization.scaling.companions import assignment_of, by_optimizer
from parametrization.scaling.model_scaling import ModelFactors, model_factors
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
    return _factors(spec, optimizer).scaled(by_optimizer(optimizer, hyperparameters))


@lru_cache(maxsize=64)
def _factors(spec: ModelSpec, optimizer: str) -> ModelFactors:
    """The rules that trials of one model and optimizer share; looking them up takes most time."""
    return model_factors(
        model_shape(spec),
        spec.multipliers,
        assignment=assignment_of(optimizer),
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
