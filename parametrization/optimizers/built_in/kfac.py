"""K-FAC: the gradient over a Kronecker-factored Fisher matrix of its linear layer."""

from typing import Final

from parametrization.optimizers.assignment import linear_maps_with
from parametrization.optimizers.declaration import OptimizerDeclaration, Step, StepKind
from parametrization.optimizers.usual_hyperparameters import WEIGHT_DECAY, memory, positive
from parametrization.rules.width.preconditioned import FISHER

KFAC: Final = OptimizerDeclaration(
    name="kfac",
    spoken="K-FAC",
    words="K-FAC: natural gradient with a Kronecker-factored Fisher matrix, on the weights of"
    " linear maps and convolutions, AdamW on everything else.",
    position=210,
    step=Step(degree=-1, kind=StepKind.TENSOR),
    init="parametrization.nn.updates.kfac:init",
    update="parametrization.nn.updates.kfac:update",
    takes_layer_signals=True,
    hyperparameters={
        "momentum": memory(0.9),
        "beta_factors": memory(0.95),
        "damping": positive(1e-2),
        "weight_decay": WEIGHT_DECAY,
    },
    log2_rates=(-12, -4),
    check_learning_rate=2.0**-12,
    rows=FISHER,
    companions=linear_maps_with("kfac"),
)
