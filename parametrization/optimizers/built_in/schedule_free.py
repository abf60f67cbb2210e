"""Schedule-free AdamW: averaging of iterates in place of a decaying rate."""

from typing import Final

from parametrization.optimizers.declaration import (
    Hyperparameter,
    OptimizerDeclaration,
    Range,
    Step,
)
from parametrization.optimizers.usual_hyperparameters import WEIGHT_DECAY, epsilon, memory
from parametrization.rules.row import labelled
from parametrization.rules.sources import HERE
from parametrization.rules.width.elementwise import ADAM_LIKE

SCHEDULE_FREE_ADAMW: Final = OptimizerDeclaration(
    name="schedule_free_adamw",
    spoken="schedule-free AdamW",
    words="AdamW that averages its iterates instead of decaying its rate: constant after the"
    " schedule's warm-up, whatever the schedule's shape; validated at the average.",
    position=80,
    step=Step(degree=0),
    init="parametrization.nn.updates.schedule_free:init",
    update="parametrization.nn.updates.schedule_free:update",
    evaluation_point="parametrization.nn.updates.schedule_free:evaluation_point",
    hyperparameters={
        # The average is recovered by dividing by it.
        "beta1": Hyperparameter(default=0.9, range=Range.FRACTION_ABOVE_ZERO),
        "beta2": memory(0.999),
        "epsilon": epsilon(1e-8),
        "weight_decay": WEIGHT_DECAY,
    },
    log2_rates=(-9, -1),
    check_learning_rate=2.0**-12,
    rows=labelled(ADAM_LIKE, HERE.graded("DV", "M", "averages of iterates are free of width")),
    sqrt_embedding_rate=True,
    decays=False,
    entrywise=True,
)
