"""Lion: the sign of an interpolated momentum."""

from typing import Final

from parametrization.optimizers.declaration import OptimizerDeclaration, Step
from parametrization.optimizers.usual_hyperparameters import WEIGHT_DECAY, memory
from parametrization.rules.horizon import BORROWED, complete_d_rows, lmo_rows
from parametrization.rules.row import labelled, without
from parametrization.rules.sources import HERE
from parametrization.rules.width.elementwise import ADAM_LIKE

LION: Final = OptimizerDeclaration(
    name="lion",
    spoken="Lion",
    words="Lion: the sign of a momentum, with decoupled weight decay.",
    position=90,
    step=Step(degree=0),
    init="parametrization.nn.updates.lion:init",
    update="parametrization.nn.updates.lion:update",
    hyperparameters={
        "beta1": memory(0.9),
        "beta2": memory(0.99),
        "weight_decay": WEIGHT_DECAY,
    },
    log2_rates=(-13, -5),
    check_learning_rate=2.0**-13,
    rows=labelled(
        without(ADAM_LIKE, "eps"), HERE.graded("TV", "M", "entries change by 1, as Adam's do")
    ),
    horizon=complete_d_rows(BORROWED, remembers=("beta1", "beta2"), epsilon=False) | lmo_rows(),
    sqrt_embedding_rate=True,
    entrywise=True,
)
