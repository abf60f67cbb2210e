"""EKFAC: K-FAC's eigenbasis with the second moments that gradients really have in it."""

from typing import Final

from parametrization.optimizers.assignment import linear_maps_with
from parametrization.optimizers.declaration import (
    Hyperparameter,
    OptimizerDeclaration,
    Range,
    Step,
    StepKind,
)
from parametrization.optimizers.usual_hyperparameters import WEIGHT_DECAY, memory
from parametrization.rules.row import HyperparameterRow, labelled
from parametrization.rules.sources import HERE
from parametrization.rules.width.preconditioned import FISHER
from parametrization.shapes.roles import Role

_DAMPING: Final = HyperparameterRow(
    {
        Role.INPUT: (0.0, 1.0),
        Role.HIDDEN: (1.0, 1.0),
        Role.OUTPUT: (1.0, 0.0),
        Role.MOE_ROUTER: (1.0, 0.0),
    },
    HERE.graded("DV", "M", "makes damping relative to the sum, not mean"),
)
"""As the number of entries."""
_MEASURED: Final = HERE.graded(
    "DV",
    "M",
    "with damping of the sum of squares: of their mean it fails; with the mean once at the"
    " base, slopes +.02 to +.04 at 128 to 512, +.07 to +.16 at 64 to 256",
)

EKFAC: Final = OptimizerDeclaration(
    name="ekfac",
    spoken="EKFAC",
    words="EKFAC: K-FAC with the gradients' own second moments in its basis, on the weights of"
    " linear maps and convolutions, AdamW on everything else.",
    position=220,
    step=Step(degree=-1, kind=StepKind.TENSOR),
    init="parametrization.nn.updates.ekfac:init",
    update="parametrization.nn.updates.ekfac:update",
    takes_layer_signals=True,
    hyperparameters={
        "momentum": memory(0.9),
        "beta_factors": memory(0.95),
        "damping": Hyperparameter(default=1.0, range=Range.POSITIVE, row=_DAMPING),
        "weight_decay": WEIGHT_DECAY,
        "beta_squares": memory(0.95),
    },
    log2_rates=(-12, -4),
    check_learning_rate=2.0**-12,
    rows=labelled(FISHER, _MEASURED),
    companions=linear_maps_with("ekfac"),
)
