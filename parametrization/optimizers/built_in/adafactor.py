"""Adafactor: factored second moments, clipped updates, steps relative to the tensor's size."""

from typing import Final

from parametrization.optimizers.declaration import (
    Hyperparameter,
    OptimizerDeclaration,
    Range,
    Step,
)
from parametrization.optimizers.usual_hyperparameters import WEIGHT_DECAY, epsilon, positive
from parametrization.rules.row import HyperparameterRow, Row, Rows, Scaling
from parametrization.rules.sources import HERE, TP5_OTHERS
from parametrization.shapes.roles import Role

_RELATIVE: Final = TP5_OTHERS.graded("TV", "M")

# fmt: off
_ROWS: Final[Rows] = {                 # std  mult lr_in l_out eps_i eps_o wd_in w_out
    Role.INPUT:            Row(Scaling( 0.0,  0.0,  0.0,  0.0,  0.0, -1.0,  0.0,  0.0), _RELATIVE),
    Role.HIDDEN:           Row(Scaling(-0.5,  0.0, -0.5,  0.0,  0.0, -1.0,  0.5,  0.0), _RELATIVE),
    Role.OUTPUT:           Row(Scaling( 0.0, -1.0,  0.0,  0.0, -1.0,  0.0,  0.0,  0.0), _RELATIVE),
    Role.VECTOR:           Row(Scaling( 0.0,  0.0,  0.0,  0.0,  0.0, -1.0,  0.0,  0.0), _RELATIVE),
    Role.SCALAR:           Row(Scaling( 0.0,  0.0,  0.0,  0.0,  0.0,  0.0,  0.0,  0.0), _RELATIVE),
    Role.QK_NORM_GAIN:     Row(Scaling( 0.0,  0.0,  0.0,  0.0,  0.0,  0.0,  0.0,  0.0), HERE),
    Role.FINAL_NORM:       Row(Scaling( 0.0,  0.0,  0.0,  0.0,  0.0, -1.0,  0.0,  0.0), _RELATIVE),
    Role.MOE_ROUTER:       Row(Scaling( 0.0, -1.0,  0.0,  0.0, -1.0,  0.0,  0.0,  0.0), HERE),
    Role.FIXED_BOTTLENECK: Row(Scaling(-1.0,  0.0,  0.0,  0.0, -0.5,  0.0,  0.0,  0.0), HERE),
    Role.GQA_KV:           Row(Scaling(-0.5,  0.0, -0.5,  0.0, -0.5,  0.0,  0.5,  0.0), HERE),
}
# fmt: on

_SMALLEST_SIZE: Final = HyperparameterRow(
    {Role.HIDDEN: (-0.5, 0.0), Role.FIXED_BOTTLENECK: (-1.0, 0.0), Role.GQA_KV: (-0.5, 0.0)},
    HERE.graded("D", "M", "bounds the tensor's own size"),
    size_power=1,
)
"""As the initial size."""

ADAFACTOR: Final = OptimizerDeclaration(
    name="adafactor",
    spoken="Adafactor",
    words="Adafactor: factored second moments, steps relative to each tensor's size.",
    position=130,
    step=Step(degree=0),
    init="parametrization.nn.updates.adafactor:init",
    update="parametrization.nn.updates.adafactor:update",
    hyperparameters={
        "beta2_decay": Hyperparameter(default=-0.8, range=Range.NEGATIVE),
        "clip_threshold": positive(1.0),
        "epsilon": epsilon(2.0**-23),  # torch's default for float32
        "smallest_size": Hyperparameter(default=1e-3, row=_SMALLEST_SIZE),
        "weight_decay": WEIGHT_DECAY,
    },
    log2_rates=(-8, 0),
    check_learning_rate=2.0**-9,
    rows=_ROWS,
    weight_degree=1,
)
