"""Shampoo: a matrix preconditioned from both sides; two exponents, and grafted to Adam.

Epsilon is added to a factor G G^T, hence of the squared gradient's size.
"""

from typing import Final

from parametrization.optimizers.assignment import matrices_with
from parametrization.optimizers.declaration import (
    Hyperparameter,
    OptimizerDeclaration,
    Step,
    StepKind,
)
from parametrization.optimizers.usual_hyperparameters import WEIGHT_DECAY, epsilon, memory
from parametrization.rules.row import Row, Rows, Scaling
from parametrization.rules.sources import HERE, SHAMPOO
from parametrization.rules.width.derived import follows_gradient
from parametrization.rules.width.matrix_norms import NO_VECTORS
from parametrization.rules.width.preconditioned import NO_FIXED_WIDTH
from parametrization.shapes.roles import Role

_OUTPUT: Final = SHAMPOO.graded("DV", "M")
_HALF: Final = SHAMPOO.graded("TEV", "M", "not with a readout that starts at zero: slopes to -.8")
_HALF_MID: Final = SHAMPOO.graded(
    "TEV",
    "M",
    "readout not from zero: slopes to -.8; epsilon above fp32's resolution of the factors: at 1e-12"
    " slope -.47, at 1e-6 +.05 (64 to 512)",
)

# fmt: off
_QUARTER: Final[Rows] = {              # std  mult lr_in l_out eps_i eps_o wd_in w_out
    Role.INPUT:            Row(Scaling( 0.0,  0.0,  0.0,  0.5,  0.0, -1.0,  0.0, -0.5), SHAMPOO),
    Role.HIDDEN:           Row(Scaling(-0.5,  0.0, -0.5,  0.5,  1.0, -1.0,  0.5, -0.5), SHAMPOO),
    Role.OUTPUT:           Row(Scaling( 0.0, -1.0,  0.5,  0.0, -1.0,  0.0, -0.5,  0.0), _OUTPUT),
    **NO_VECTORS,
    Role.MOE_ROUTER:       Row(Scaling( 0.0, -1.0,  0.5,  0.0, -1.0,  0.0, -0.5,  0.0), HERE),
    Role.FIXED_BOTTLENECK: Row(Scaling(-1.0,  0.0, -0.5,  0.0,  0.0,  0.0,  0.5,  0.0), HERE),
    Role.GQA_KV:           Row(Scaling(-0.5,  0.0, -0.5,  0.0,  0.0,  0.0,  0.5,  0.0), HERE),
}
_HALF_ROWS: Final[Rows] = {            # std  mult lr_in l_out eps_i eps_o wd_in w_out
    Role.INPUT:            Row(Scaling( 0.0,  0.0,  0.0,  0.0,  0.0, -1.0,  0.0,  0.0), _HALF),
    Role.HIDDEN:           Row(Scaling(-0.5,  0.0,  0.0,  0.0,  1.0, -1.0,  0.0,  0.0), _HALF_MID),
    Role.OUTPUT:           Row(Scaling( 0.0, -1.0,  0.0,  0.0, -1.0,  0.0,  0.0,  0.0), _HALF),
    **NO_VECTORS,
    Role.MOE_ROUTER:       Row(Scaling( 0.0, -1.0,  0.0,  0.0, -1.0,  0.0,  0.0,  0.0), HERE),
    Role.FIXED_BOTTLENECK: NO_FIXED_WIDTH,
    Role.GQA_KV:           NO_FIXED_WIDTH,
}
_GRAFTED: Final[Rows] = {              # std  mult lr_in l_out eps_i eps_o wd_in w_out
    Role.INPUT:            Row(Scaling( 0.0,  0.0,  0.0,  0.0,  0.0, -1.0,  0.0,  0.0), SHAMPOO),
    Role.HIDDEN:           Row(Scaling(-0.5,  0.0, -1.0,  0.0,  1.0, -1.0,  1.0,  0.0), SHAMPOO),
    Role.OUTPUT:           Row(Scaling( 0.0, -1.0,  0.0,  0.0, -1.0,  0.0,  0.0,  0.0), SHAMPOO),
    **NO_VECTORS,
    Role.MOE_ROUTER:       Row(Scaling( 0.0, -1.0,  0.0,  0.0, -1.0,  0.0,  0.0,  0.0), HERE),
    Role.FIXED_BOTTLENECK: Row(Scaling(-1.0,  0.0, -1.0,  0.0,  0.0,  0.0,  1.0,  0.0), HERE),
    Role.GQA_KV:           Row(Scaling(-0.5,  0.0, -1.0,  0.0,  0.0,  0.0,  1.0,  0.0), HERE),
}
# fmt: on


def _hyperparameters(small: float) -> dict[str, Hyperparameter]:
    return {
        "beta1": memory(0.9),
        "beta2": memory(0.95),
        "epsilon": epsilon(small, gradient_power=2),
        "weight_decay": WEIGHT_DECAY,
    }


SHAMPOO_QUARTER: Final = OptimizerDeclaration(
    name="shampoo_quarter",
    spoken="Shampoo (1/4)",
    words="Shampoo with fourth roots of both factors, on hidden matrices, AdamW on everything"
    " else.",
    position=170,
    step=Step(degree=0, kind=StepKind.TENSOR),
    init="parametrization.nn.updates.shampoo:init",
    update="parametrization.nn.updates.shampoo:update_quarter",
    hyperparameters=_hyperparameters(1e-12),
    log2_rates=(-10, -2),
    check_learning_rate=2.0**-8,
    rows=_QUARTER,
    companions=matrices_with("shampoo_quarter"),
)
SHAMPOO_HALF: Final = OptimizerDeclaration(
    name="shampoo_half",
    spoken="Shampoo (1/2)",
    words="Shampoo with square roots of both factors, on hidden matrices, AdamW on everything"
    " else.",
    position=180,
    step=Step(degree=-1, kind=StepKind.TENSOR),
    init="parametrization.nn.updates.shampoo:init",
    update="parametrization.nn.updates.shampoo:update_half",
    # Steps are the inverse of singular values: what is below fp32's resolution of the factors is
    # noise, of which there is more the wider a layer (its step then falls as width^-0.47).
    hyperparameters=_hyperparameters(1e-6),
    log2_rates=(-10, -2),
    check_learning_rate=2.0**-12,
    rows=_HALF_ROWS,
    companions=matrices_with("shampoo_half"),
)
SHAMPOO_GRAFTED: Final = OptimizerDeclaration(
    name="shampoo_grafted",
    spoken="Shampoo (grafted)",
    words="Shampoo's direction with Adam's length, on hidden matrices, AdamW on everything else.",
    position=190,
    step=Step(degree=0),
    init="parametrization.nn.updates.shampoo:init_grafted",
    update="parametrization.nn.updates.shampoo:update_grafted",
    hyperparameters={
        **_hyperparameters(1e-12),
        "epsilon_graft": Hyperparameter(default=1e-8, row=follows_gradient(1, SHAMPOO)),
    },
    log2_rates=(-10, -2),
    check_learning_rate=2.0**-12,
    rows=_GRAFTED,
    companions=matrices_with("shampoo_grafted"),
)
