"""Adam, and AdamW with decoupled weight decay."""

from typing import Final

from parametrization.optimizers.declaration import OptimizerDeclaration, Step
from parametrization.optimizers.usual_hyperparameters import NO_L2, WEIGHT_DECAY, moments
from parametrization.rules.horizon import (
    complete_d_rows,
    lmo_rows,
    power_lines_rows,
    sde_rows,
)
from parametrization.rules.row import without
from parametrization.rules.sources import COMPLETE_D_P
from parametrization.rules.width.elementwise import ADAM_LIKE

_BETAS: Final = ("beta1", "beta2")
_AS_SIGNS: Final = "of signs, which approximate Adam's steps"

ADAMW: Final = OptimizerDeclaration(
    name="adamw",
    spoken="AdamW",
    words="Adam with decoupled weight decay (w -= learning_rate * weight_decay * w).",
    position=10,
    step=Step(degree=0),
    init="parametrization.nn.updates.adam:init",
    update="parametrization.nn.updates.adam:update_decoupled",
    hyperparameters={**moments(0.9, 0.95, 1e-8), "weight_decay": WEIGHT_DECAY},
    log2_rates=(-10, -2),
    check_learning_rate=2.0**-12,
    rows=ADAM_LIKE,
    horizon={
        **complete_d_rows(COMPLETE_D_P, remembers=_BETAS),
        **sde_rows(remembers=_BETAS, decays=True),
        **power_lines_rows(),
        **lmo_rows(_AS_SIGNS),
    },
    sqrt_embedding_rate=True,
    entrywise=True,
)
ADAM: Final = OptimizerDeclaration(
    name="adam",
    spoken="Adam",
    words="Adam without weight decay: L2 in its gradient has no valid width rule.",
    position=20,
    step=Step(degree=0),
    init="parametrization.nn.updates.adam:init",
    update="parametrization.nn.updates.adam:update",
    hyperparameters=moments(0.9, 0.95, 1e-8),
    log2_rates=(-10, -2),
    check_learning_rate=2.0**-12,
    rows=without(ADAM_LIKE, "wd"),
    horizon={
        **complete_d_rows(COMPLETE_D_P, remembers=_BETAS, decays=False),
        **sde_rows(remembers=_BETAS),
        **lmo_rows(_AS_SIGNS),
    },
    sqrt_embedding_rate=True,
    refused=NO_L2,
    entrywise=True,
)
