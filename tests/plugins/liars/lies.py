"""Optimizers whose declarations are wrong, in ways that only a check or only an import can tell."""

from typing import Final

from parametrization.optimizers.declaration import Hyperparameter, OptimizerDeclaration, Range, Step

_SGD: Final = {
    "momentum": Hyperparameter(default=0.0, range=Range.FRACTION),
    "weight_decay": Hyperparameter(default=0.0),
}
_ADAM: Final = {
    "beta1": Hyperparameter(default=0.9, range=Range.FRACTION),
    "beta2": Hyperparameter(default=0.95, range=Range.FRACTION),
    "epsilon": Hyperparameter(default=1e-8, gradient_power=1),
}

SGD_AS_ADAM: Final = OptimizerDeclaration(
    name="sgd_as_adam",
    words="SGD that says its steps do not depend on the gradient's size.",
    step=Step(degree=0),
    init="parametrization.nn.updates.sgd:init",
    update="parametrization.nn.updates.sgd:update",
    hyperparameters=_SGD,
    log2_rates=(-10, -2),
    check_learning_rate=2.0**-8,
)
ADAM_AS_SGD: Final = OptimizerDeclaration(
    name="adam_as_sgd",
    words="Adam that says its steps are proportional to the gradient.",
    step=Step(degree=1),
    init="parametrization.nn.updates.adam:init",
    update="parametrization.nn.updates.adam:update",
    hyperparameters=_ADAM,
    log2_rates=(-10, -2),
    check_learning_rate=2.0**-12,
)
SECOND_PHASE: Final = OptimizerDeclaration(
    name="second_phase",
    words="Adam, then SGD, that says both have steps of one degree.",
    step=Step(degree=0),
    init="more_optimizers.adam_then_sgd:init",
    update="more_optimizers.adam_then_sgd:update",
    hyperparameters={
        **_ADAM,
        "momentum": Hyperparameter(default=0.0, range=Range.FRACTION),
        "switch_after": Hyperparameter(default=2),
        "sgd_rate_ratio": Hyperparameter(default=64.0, steps=Step(degree=0)),
    },
    log2_rates=(-10, -2),
    check_learning_rate=2.0**-12,
)
NOWHERE: Final = OptimizerDeclaration(
    name="nowhere",
    words="Its update function is not there.",
    step=Step(degree=0),
    update="lies:update",
    log2_rates=(-10, -2),
    check_learning_rate=2.0**-12,
)
ADAMW: Final = OptimizerDeclaration(
    name="adamw",
    words="Not the one that widthwise has.",
    step=Step(degree=0),
    update="parametrization.nn.updates.adam:update",
    log2_rates=(-10, -2),
    check_learning_rate=2.0**-12,
)
NOT_A_DECLARATION: Final = "adam"
