"""Sign descent as steepest descent under the layerwise l1 -> l-infinity norm."""

from typing import Final

from parametrization.optimizers.declaration import (
    Hyperparameter,
    OptimizerDeclaration,
    Range,
    Step,
)
from parametrization.optimizers.usual_hyperparameters import WEIGHT_DECAY
from parametrization.rules.row import HyperparameterRow, labelled, without
from parametrization.rules.sources import DUAL_NORM
from parametrization.rules.width.elementwise import ADAM_LIKE
from parametrization.shapes.roles import Role

_RADIUS: Final = HyperparameterRow(
    {Role.HIDDEN: (-1.0, 0.0), Role.FIXED_BOTTLENECK: (-1.0, 0.0), Role.GQA_KV: (-1.0, 0.0)},
    DUAL_NORM.graded("DV", "M", "keeps the dual norm free of width"),
    size_power=1,
    is_rate=True,
)
"""Adam's rate: the length of a step is the radius times a number that all tensors share."""

SIGN_DESCENT: Final = OptimizerDeclaration(
    name="sign_descent",
    spoken="sign descent",
    words="Sign descent as steepest descent: every step as long as the gradient's dual norm says.",
    position=100,
    step=Step(degree=1),
    update="parametrization.nn.updates.sign_descent:update",
    contribution="parametrization.nn.updates.sign_descent:contribution",
    hyperparameters={
        "radius": Hyperparameter(default=1.0, range=Range.POSITIVE, row=_RADIUS),
        "weight_decay": WEIGHT_DECAY,
    },
    log2_rates=(-18, -10),
    check_learning_rate=2.0**-13,
    rows=labelled(
        without(ADAM_LIKE, "lr", "eps", "wd"),
        DUAL_NORM.graded("DV", "M", "the radius scales instead of the rate"),
    ),
    rate="radius",
    entrywise=True,
)
