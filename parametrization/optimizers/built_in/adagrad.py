"""AdaGrad: gradients over the root of the sum of all their squares."""

from typing import Final

from parametrization.optimizers.declaration import Hyperparameter, OptimizerDeclaration, Step
from parametrization.optimizers.usual_hyperparameters import NO_L2, epsilon
from parametrization.rules.row import labelled, without
from parametrization.rules.sources import TP5_OTHERS
from parametrization.rules.width.derived import follows_gradient
from parametrization.rules.width.elementwise import ADAM_LIKE

_SOURCE: Final = TP5_OTHERS.graded("TV", "M")

ADAGRAD: Final = OptimizerDeclaration(
    name="adagrad",
    spoken="AdaGrad",
    words="AdaGrad.",
    position=70,
    step=Step(degree=0),
    init="parametrization.nn.updates.adagrad:init",
    update="parametrization.nn.updates.adagrad:update",
    hyperparameters={
        "epsilon": epsilon(1e-10),
        "initial_accumulator": Hyperparameter(default=0.0, row=follows_gradient(2, _SOURCE)),
    },
    log2_rates=(-9, -1),
    check_learning_rate=2.0**-12,
    rows=labelled(without(ADAM_LIKE, "wd"), _SOURCE),
    sqrt_embedding_rate=True,
    refused=NO_L2,
    entrywise=True,
)
