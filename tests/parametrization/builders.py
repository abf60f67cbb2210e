"""Valid inputs of the parametrization by keyword: a test states what it is about."""

from collections.abc import Callable, Iterable, Mapping

import torch
from torch import nn

from parametrization.nn.base_shapes import derive_model_shape
from parametrization.nn.classify import Declaration
from parametrization.optimizers.hyperparameters import checked, names_of
from parametrization.rules.parametrization import Parametrization
from parametrization.rules.policies import Policies
from parametrization.scaling.model_scaling import scale
from parametrization.scaling.multipliers import Multipliers
from parametrization.scaling.tensor_rules import rules_of
from parametrization.scaling.tensor_scaling import DEFAULT_POLICIES, TensorScaling, factors_of
from parametrization.shapes.roles import ModelShape, Role, TensorShape

BASE_WIDTH = 32

TENSORS = {
    Role.INPUT: TensorShape(
        "embed.weight", Role.INPUT, (256, 32), (False, True), 0, 1, is_table=True
    ),
    Role.HIDDEN: TensorShape("up.weight", Role.HIDDEN, (128, 32), (True, True), 1, 0),
    Role.OUTPUT: TensorShape("readout.weight", Role.OUTPUT, (10, 32), (False, True), 1, 0),
    Role.VECTOR: TensorShape("norm.weight", Role.VECTOR, (32,), (True,), None, 0, constant=1.0),
    Role.SCALAR: TensorShape("readout.bias", Role.SCALAR, (10,), (False,), None, 0),
    Role.QK_NORM_GAIN: TensorShape("q.gain", Role.QK_NORM_GAIN, (16,), (False,), None, 0, 1.0),
    Role.FINAL_NORM: TensorShape("last.weight", Role.FINAL_NORM, (32,), (True,), None, 0, 1.0),
    Role.MOE_ROUTER: TensorShape("router.weight", Role.MOE_ROUTER, (8, 32), (False, True), 1, 0),
    Role.FIXED_BOTTLENECK: TensorShape(
        "squeeze.weight", Role.FIXED_BOTTLENECK, (16, 32), (False, True), 1, 0
    ),
    Role.GQA_KV: TensorShape("kv.weight", Role.GQA_KV, (32, 32), (False, True), 1, 0),
}


CORE_OPTIMIZERS = ("adam", "adamw", "sgd")
"""Those that torch.optim and mup have, for tests against either."""

VALUES = {
    "learning_rate": 2.0**-6,
    "init_std": 1.0,
    "output_multiplier": 1.0,
    "beta1": 0.9,
    "beta2": 0.95,
    "beta2_decay": -0.8,
    "beta_factors": 0.95,
    "beta_squares": 0.95,
    "clip_threshold": 1.0,
    "damping": 0.01,
    "epsilon": 1e-8,
    "epsilon_graft": 1e-8,
    "initial_accumulator": 1e-6,
    "mass_share": 1.0,
    "momentum": 0.9,
    "radius": 1.0,
    "smallest_size": 1e-3,
    "trust_coefficient": 1e-3,
    "weight_decay": 0.1,
}


def hyperparameters(optimizer: str, **overrides: float) -> dict[str, float]:
    given = {name: VALUES[name] for name in names_of(optimizer)}
    if optimizer == "sgd":
        given |= {"weight_decay": 0.0}
    return given | overrides


def shape_of(
    build: Callable[[int], nn.Module],
    base_width: int = BASE_WIDTH,
    *,
    roles: Mapping[str, Role | Declaration] | None = None,
    blocks: Iterable[str] = (),
) -> ModelShape:
    with torch.device("meta"):
        base, delta = build(base_width), build(2 * base_width)
    return derive_model_shape(base, delta, base_width, roles=roles, blocks=blocks)


def scalings_of(
    build: Callable[[int], nn.Module],
    width: int,
    *,
    base_width: int = BASE_WIDTH,
    optimizer: str = "adamw",
    parametrization: Parametrization = Parametrization.MUP,
    given: Mapping[str, float] | None = None,
    shape: ModelShape | None = None,
    **overrides: float,
) -> tuple[TensorScaling, ...]:
    return scale(
        shape or shape_of(build, base_width),
        given or hyperparameters(optimizer, **overrides),
        Multipliers(width / base_width),
        optimizer=optimizer,
        parametrization=parametrization,
    )


def scale_tensor(
    tensor: TensorShape,
    given: Mapping[str, float],
    multipliers: Multipliers,
    *,
    optimizer: str,
    parametrization: Parametrization = Parametrization.MUP,
    policies: Policies = DEFAULT_POLICIES,
    target_shape: tuple[int, ...] | None = None,
) -> TensorScaling:
    """One tensor's numbers at the target, as `scale` gives them for each of a model."""
    rules = rules_of(tensor, optimizer, parametrization, policies, multipliers, target_shape)
    return factors_of(rules).scaled(checked(optimizer, given))
