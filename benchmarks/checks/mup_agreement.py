"""Hold every tensor's rate and decay against those of `mup` on the same model.

`mup` 1.0.0 (Yang et al. 2022) is the reference implementation. It has one rule for a map from a
wide to a fixed dimension, its readout's; routers and fixed widths inside a model have none there.
"""

import math
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import mup
from torch import nn

from parametrization.check.usual_settings import check_hyperparameters
from parametrization.nn.parameter_names import owned_parameters
from parametrization.optimizers.built_in.adam import ADAMW
from parametrization.optimizers.built_in.sgd import SGD
from parametrization.scaling.model_scaling import scale
from parametrization.scaling.multipliers import Multipliers
from parametrization.scaling.tensor_scaling import TensorScaling
from parametrization.shapes.roles import ModelShape, Role

NO_RULE_IN_MUP: Final = frozenset({Role.MOE_ROUTER, Role.FIXED_BOTTLENECK, Role.GQA_KV})
_GROWTH: Final = 4


class Agreement(NamedTuple):
    """Agreement with `mup` on one model, under AdamW and SGD.

    Attributes:
        equal: tensors whose numbers are `mup`'s, of those compared.
        without_rule: tensors that `mup` has no rule for.
        differ: names of tensors whose numbers are others.

    """

    compared: int
    equal: int
    without_rule: int
    differ: tuple[str, ...]


def agreement(build: Callable[[int], nn.Module], shape: ModelShape) -> Agreement:
    """The agreement at four times the base width."""
    base = shape.base_width
    model = build(_GROWTH * base)
    mup.set_base_shapes(
        model, build(base), delta=build(2 * base), rescale_params=False, do_assert=False
    )
    without_rule = sum(tensor.role in NO_RULE_IN_MUP for tensor in shape.tensors)
    compared, differ = 0, []
    for optimizer, theirs in ((ADAMW.name, mup.MuAdamW), (SGD.name, mup.MuSGD)):
        if optimizer == SGD.name and without_rule:
            continue  # SGD has no rule for them here either, and scales no such model
        given = check_hyperparameters(optimizer) | {"weight_decay": 0.1}
        scaled = scale(shape, given, Multipliers(width=_GROWTH), optimizer=optimizer)
        ours = {scaling.name: scaling for scaling in scaled}
        groups = theirs(
            model.parameters(), lr=given["learning_rate"], weight_decay=given["weight_decay"]
        ).param_groups
        of_tensor = {id(p): group for group in groups for p in group["params"]}
        for owned in owned_parameters(model):
            if ours[owned.name].role in NO_RULE_IN_MUP:
                continue
            compared += 1
            if not _same(ours[owned.name], of_tensor[id(owned.parameter)]):
                differ.append(f"{owned.name} ({optimizer})")
    return Agreement(compared, compared - len(differ), without_rule, tuple(differ))


def _same(ours: TensorScaling, group: dict[str, Any]) -> bool:
    return math.isclose(ours.learning_rate, group["lr"], rel_tol=1e-9) and math.isclose(
        ours.weight_decay, group["weight_decay"], rel_tol=1e-9
    )
