"""LARS: momentum on gradients rescaled to the size of their tensor."""

from typing import Final

from parametrization.optimizers.assignment import Assignment
from parametrization.optimizers.declaration import OptimizerDeclaration, Step, StepKind
from parametrization.optimizers.usual_hyperparameters import WEIGHT_DECAY, memory, positive
from parametrization.rules.row import Row, Rows, Scaling
from parametrization.rules.sources import HERE, TP5_OTHERS
from parametrization.shapes.roles import Role

_RELATIVE: Final = TP5_OTHERS.graded("TV", "M")
_TRUST: Final = TP5_OTHERS.graded("TV", "M", "never start the readout at zero: its trust is then 1")
_DECAY: Final = TP5_OTHERS.graded(
    "TD", "M", "decay of SGD's rows: inside the trust ratio it must stay of the gradient's size"
)
_FROM_ZERO: Final = TP5_OTHERS.graded(
    "TD", "M", "not from zero, where trust is 1: slope -1.16; studies have SGD train them: -.11"
)

# fmt: off
_ROWS: Final[Rows] = {                 # std  mult lr_in l_out eps_i eps_o wd_in w_out
    Role.INPUT:            Row(Scaling( 0.0,  0.0,  0.0,  0.0,  0.0,  0.0,  0.0, -1.0), _DECAY),
    Role.HIDDEN:           Row(Scaling(-0.5,  0.0, -0.5,  0.0,  0.0,  0.0,  1.0, -1.0), _DECAY),
    Role.OUTPUT:           Row(Scaling( 0.0, -1.0,  0.0,  0.0,  0.0,  0.0, -1.0,  0.0), _TRUST),
    Role.VECTOR:           Row(Scaling( 0.0,  0.0,  0.0,  0.0,  0.0,  0.0,  0.0, -1.0), _FROM_ZERO),
    Role.SCALAR:           Row(Scaling( 0.0,  0.0,  0.0,  0.0,  0.0,  0.0,  0.0,  0.0), _RELATIVE),
    Role.QK_NORM_GAIN:     Row(Scaling( 0.0,  0.0,  0.0,  0.0,  0.0,  0.0,  0.0,  0.0), HERE),
    Role.FINAL_NORM:       Row(Scaling( 0.0,  0.0,  0.0,  0.0,  0.0,  0.0,  0.0, -1.0), _FROM_ZERO),
    Role.MOE_ROUTER:       Row(Scaling( 0.0, -1.0,  0.0,  0.0,  0.0,  0.0, -1.0,  0.0), HERE),
    Role.FIXED_BOTTLENECK: Row(Scaling(-1.0,  0.0,  0.0,  0.0,  0.0,  0.0,  0.5,  0.0), HERE),
    Role.GQA_KV:           Row(Scaling(-0.5,  0.0, -0.5,  0.0,  0.0,  0.0,  0.5,  0.0), HERE),
}
# fmt: on

_MATRICES_AND_SGD: Final = Assignment(
    {
        **dict.fromkeys(Role, "lars"),
        **dict.fromkeys((Role.VECTOR, Role.SCALAR, Role.QK_NORM_GAIN, Role.FINAL_NORM), "sgd"),
    },
    lead="lars",
    learning_rate_ratio=2.0**-8,
)
"""LARS on matrices, momentum SGD on biases and gains.

A bias starts at zero, where its trust ratio is 1 whatever the width, and then moves by a share of
almost nothing: its updates fall as width^-1.16. Published implementations leave both out of the
trust ratio (pytorch_optimizer, which the tests compare with, among them).
"""

LARS: Final = OptimizerDeclaration(
    name="lars",
    spoken="LARS",
    words="Momentum SGD whose step is a share of each matrix's norm, plain on biases and gains.",
    position=110,
    step=Step(degree=0, kind=StepKind.TENSOR),
    init="parametrization.nn.updates.lars:init",
    update="parametrization.nn.updates.lars:update",
    hyperparameters={
        "momentum": memory(0.9),
        "trust_coefficient": positive(1e-3),
        "weight_decay": WEIGHT_DECAY,
    },
    log2_rates=(0, 7),
    check_learning_rate=2.0**-2,
    rows=_ROWS,
    weight_degree=1,
    decay_degree=1,
    companions=_MATRICES_AND_SGD,
)
