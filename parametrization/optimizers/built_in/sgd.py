"""Stochastic gradient descent with heavy-ball and with Nesterov momentum."""

from dataclasses import replace
from typing import Final

from parametrization.optimizers.declaration import OptimizerDeclaration, Step
from parametrization.optimizers.usual_hyperparameters import WEIGHT_DECAY, memory
from parametrization.rules.horizon import linear_rows
from parametrization.rules.width.elementwise import SGD_LIKE

_MOMENTUM: Final = {"momentum": memory(0.9), "weight_decay": WEIGHT_DECAY}

SGD: Final = OptimizerDeclaration(
    name="sgd",
    spoken="SGD",
    words="SGD with heavy-ball momentum; weight decay is L2 in the gradient.",
    position=30,
    step=Step(degree=1),
    init="parametrization.nn.updates.sgd:init",
    update="parametrization.nn.updates.sgd:update",
    hyperparameters=_MOMENTUM,
    log2_rates=(-10, -2),
    check_learning_rate=2.0**-7,
    rows=SGD_LIKE,
    horizon=linear_rows(),
    entrywise=True,
)
SGD_NESTEROV: Final = replace(
    SGD,
    name="sgd_nesterov",
    spoken="Nesterov SGD",
    words="SGD with Nesterov momentum; weight decay is L2 in the gradient.",
    position=40,
    update="parametrization.nn.updates.sgd:update_nesterov",
)
