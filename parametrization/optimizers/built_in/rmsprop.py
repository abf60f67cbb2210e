"""RMSProp, with momentum if given."""

from typing import Final

from parametrization.optimizers.declaration import OptimizerDeclaration, Step
from parametrization.optimizers.usual_hyperparameters import NO_L2, epsilon, memory
from parametrization.rules.horizon import sde_rows
from parametrization.rules.row import labelled, without
from parametrization.rules.sources import TP5_OTHERS
from parametrization.rules.width.elementwise import ADAM_LIKE

RMSPROP: Final = OptimizerDeclaration(
    name="rmsprop",
    spoken="RMSProp",
    words="RMSProp, with momentum if given.",
    position=60,
    step=Step(degree=0),
    init="parametrization.nn.updates.rmsprop:init",
    update="parametrization.nn.updates.rmsprop:update",
    hyperparameters={"beta2": memory(0.99), "epsilon": epsilon(1e-8), "momentum": memory(0.0)},
    log2_rates=(-12, -5),
    check_learning_rate=2.0**-13,
    rows=labelled(without(ADAM_LIKE, "wd"), TP5_OTHERS),
    horizon=sde_rows(remembers=("beta2",)),
    sqrt_embedding_rate=True,
    refused=NO_L2,
    entrywise=True,
)
