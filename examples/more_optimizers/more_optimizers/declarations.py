"""Declare each optimizer of this package; read where torch is not installed."""

from typing import Final

from parametrization.optimizers.declaration import (
    Hyperparameter,
    OptimizerDeclaration,
    Range,
    Step,
    StepKind,
)

CONJUGATE_GRADIENT: Final = OptimizerDeclaration(
    name="conjugate_gradient",
    words="Nonlinear conjugate gradient (Hestenes-Stiefel), tensor by tensor, with restarts.",
    step=Step(degree=1),
    init="more_optimizers.conjugate_gradient:init",
    update="more_optimizers.conjugate_gradient:update",
    hyperparameters={
        "restart_after": Hyperparameter(
            default=50, range=Range.POSITIVE, words="Updates until it starts afresh."
        ),
        "descent": Hyperparameter(
            default=0.1,
            range=Range.FRACTION,
            words="Restarts unless it descends at least this share as fast as the gradient.",
        ),
        "longest": Hyperparameter(
            default=10.0,
            range=Range.POSITIVE,
            words="Restarts rather than go this many times as far as the gradient.",
        ),
    },
    log2_rates=(-10, -2),
    check_learning_rate=2.0**-8,
)

ADAM_THEN_SGD: Final = OptimizerDeclaration(
    name="adam_then_sgd",
    words="Adam for the first updates, SGD with momentum from then on.",
    step=Step(degree=0),
    init="more_optimizers.adam_then_sgd:init",
    update="more_optimizers.adam_then_sgd:update",
    hyperparameters={
        "beta1": Hyperparameter(default=0.9, range=Range.FRACTION),
        "beta2": Hyperparameter(default=0.95, range=Range.FRACTION),
        "epsilon": Hyperparameter(default=1e-8, gradient_power=1),
        "momentum": Hyperparameter(default=0.9, range=Range.FRACTION, words="Of SGD."),
        "switch_after": Hyperparameter(default=100, words="Updates of Adam."),
        "sgd_rate_ratio": Hyperparameter(
            default=16.0,
            range=Range.POSITIVE,
            steps=Step(degree=1),
            words="Rate of SGD over that of Adam, at the base width.",
        ),
    },
    log2_rates=(-10, -2),
    check_learning_rate=2.0**-12,
    check_hyperparameters={"switch_after": 2, "sgd_rate_ratio": 64.0, "momentum": 0.0},
)

GAUSS_NEWTON: Final = OptimizerDeclaration(
    name="gauss_newton",
    words="Diagonal Gauss-Newton steps where the loss is flat, low-rank ones where it is sharp.",
    step=Step(degree=-1, kind=StepKind.TENSOR),
    init="more_optimizers.gauss_newton:init",
    update="more_optimizers.gauss_newton:update",
    hyperparameters={
        "beta_squares": Hyperparameter(
            default=0.9, range=Range.FRACTION, words="Memory of the diagonal's squared gradients."
        ),
        "beta_sharpness": Hyperparameter(
            default=0.5, range=Range.FRACTION, words="Memory of the measured sharpness."
        ),
        "damping": Hyperparameter(
            default=1.0, range=Range.POSITIVE, words="As a share of the curvature's own trace."
        ),
        "sharp": Hyperparameter(
            default=0.5,
            words="Sharpness from which steps are low-rank: 1 where a step ends in the minimum"
            " along itself, 2 where it ends as high as it began.",
        ),
    },
    log2_rates=(-14, -6),
    check_learning_rate=2.0**-12,
)

LEARNED: Final = OptimizerDeclaration(
    name="learned",
    words="Adam's step, reshaped entry by entry by an LSTM that was meta-trained on proxies.",
    step=Step(degree=0),
    init="more_optimizers.learned:init",
    update="more_optimizers.learned:update",
    hyperparameters={
        "beta1": Hyperparameter(default=0.9, range=Range.FRACTION),
        "beta2": Hyperparameter(default=0.95, range=Range.FRACTION),
        "epsilon": Hyperparameter(default=1e-8, gradient_power=1),
    },
    log2_rates=(-10, -2),
    check_learning_rate=2.0**-13,
)
