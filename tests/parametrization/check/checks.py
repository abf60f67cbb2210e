"""Coordinate checks of models of the tests, with or without an error planted."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from torch import Tensor, nn

from parametrization.check.planted_errors import Plant
from parametrization.check.verdict import CheckVerdict
from parametrization.nn.check.run import check_depth, check_width
from parametrization.nn.check.statistics import CheckedTraining
from parametrization.nn.classify import Declaration
from parametrization.nn.initialise import set_residual_multipliers
from parametrization.optimizers.registry import declared
from parametrization.rules.parametrization import Parametrization
from parametrization.scaling.model_scaling import scale
from parametrization.scaling.multipliers import Multipliers
from parametrization.scaling.tensor_scaling import TensorScaling
from parametrization.shapes.roles import ModelShape, Role
from tests.parametrization.builders import hyperparameters, scalings_of, shape_of
from tests.parametrization.nn.many_layers import ResidualMlp
from tests.parametrization.nn.small_models import Mlp, cross_entropy, image_batch

BASE = 64
WIDTHS = (64, 128, 256, 512)
BASE_DEPTH = 2
DEPTHS = (2, 4, 8, 16)
Batch = tuple[Tensor, Tensor]
Loss = Callable[[nn.Module, Batch], Tensor]


def unharmed(scaling: TensorScaling, m: float) -> TensorScaling:
    return scaling


def seeds_for(optimizer: str) -> range:
    return range(8) if optimizer == "sgd" else range(4)


def check(
    optimizer: str,
    *,
    build: Callable[[int], nn.Module] = Mlp,
    batch: Callable[[int, int], Batch] = image_batch,
    loss: Loss = cross_entropy,
    parametrization: Parametrization = Parametrization.MUP,
    plant: Plant = unharmed,
    widths: Sequence[int] = WIDTHS,
    seeds: Sequence[int] | None = None,
    roles: Mapping[str, Role | Declaration] | None = None,
    **overrides: float,
) -> CheckVerdict:
    given = hyperparameters(
        optimizer, **{"learning_rate": declared(optimizer).check_learning_rate, **overrides}
    )
    shape = shape_of(build, widths[0], roles=roles)

    def scalings(width: int) -> list[TensorScaling]:
        right = scalings_of(
            build,
            width,
            base_width=widths[0],
            optimizer=optimizer,
            parametrization=parametrization,
            given=given,
            shape=shape,
        )
        return [plant(scaling, width / widths[0]) for scaling in right]

    return check_width(
        lambda width: CheckedTraining(partial(build, width), loss, batch),
        scalings,
        shape,
        optimizer=optimizer,
        widths=widths,
        seeds=seeds_for(optimizer) if seeds is None else seeds,
    )


def check_over_depth(
    optimizer: str,
    *,
    plant: Plant = unharmed,
    branch_power: float = -1.0,
    width: int = 64,
) -> CheckVerdict:
    """Of pre-norm residual blocks; `branch_power` of depth multiplies each branch."""
    given = hyperparameters(optimizer, learning_rate=declared(optimizer).check_learning_rate)

    def model(depth: int) -> nn.Module:
        made = ResidualMlp(width, depth=depth)
        set_residual_multipliers(made, (depth / BASE_DEPTH) ** branch_power)
        return made

    def shape(depth: int) -> ModelShape:
        return shape_of(lambda w: ResidualMlp(w, depth=depth), width)

    def scalings(depth: int) -> list[TensorScaling]:
        at = shape(depth)
        right = scale(
            at,
            given,
            Multipliers(width / at.base_width, depth=depth / BASE_DEPTH),
            optimizer=optimizer,
        )
        inside = {tensor.name for tensor in at.tensors if tensor.in_block}
        return [plant(s, depth / BASE_DEPTH) if s.name in inside else s for s in right]

    return check_depth(
        lambda depth: CheckedTraining(partial(model, depth), cross_entropy, image_batch),
        scalings,
        shape,
        optimizer=optimizer,
        depths=DEPTHS,
        seeds=seeds_for(optimizer),
    )
