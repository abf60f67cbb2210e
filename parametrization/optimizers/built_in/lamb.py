"""LAMB: Adam's step rescaled to the size of its tensor."""

from typing import Final

from parametrization.optimizers.declaration import OptimizerDeclaration, Step
from parametrization.optimizers.usual_hyperparameters import WEIGHT_DECAY, moments
from parametrization.rules.row import Row, Rows, Scaling
from parametrization.rules.sources import HERE, TP5_OTHERS
from parametrization.shapes.roles import Role

_RELATIVE: Final = TP5_OTHERS.graded("TV", "M")
_TRUST: Final = TP5_OTHERS.graded("TV", "M", "never start the readout at zero: its trust is then 1")

# fmt: off
_ROWS: Final[Rows] = {                 # std  mult lr_in l_out eps_i eps_o wd_in w_out
    Role.INPUT:            Row(Scaling( 0.0,  0.0,  0.0,  0.0,  0.0, -1.0,  0.0,  0.0), _RELATIVE),
    Role.HIDDEN:           Row(Scaling(-0.5,  0.0, -0.5,  0.0,  0.0, -1.0,  1.0,  0.0), _RELATIVE),
    Role.OUTPUT:           Row(Scaling( 0.0, -1.0,  0.0,  0.0, -1.0,  0.0,  0.0,  0.0), _TRUST),
    Role.VECTOR:           Row(Scaling( 0.0,  0.0,  0.0,  0.0,  0.0, -1.0,  0.0,  0.0), _RELATIVE),
    Role.SCALAR:           Row(Scaling( 0.0,  0.0,  0.0,  0.0,  0.0,  0.0,  0.0,  0.0), _RELATIVE),
    Role.QK_NORM_GAIN:     Row(Scaling( 0.0,  0.0,  0.0,  0.0,  0.0,  0.0,  0.0,  0.0), HERE),
    Role.FINAL_NORM:       Row(Scaling( 0.0,  0.0,  0.0,  0.0,  0.0, -1.0,  0.0,  0.0), _RELATIVE),
    Role.MOE_ROUTER:       Row(Scaling( 0.0, -1.0,  0.0,  0.0, -1.0,  0.0,  0.0,  0.0), HERE),
    Role.FIXED_BOTTLENECK: Row(Scaling(-1.0,  0.0,  0.0,  0.0, -0.5,  0.0,  1.0,  0.0), HERE),
    Role.GQA_KV:           Row(Scaling(-0.5,  0.0, -0.5,  0.0, -0.5,  0.0,  1.0,  0.0), HERE),
}
# fmt: on

LAMB: Final = OptimizerDeclaration(
    name="lamb",
    spoken="LAMB",
    words="Adam whose step is a share of each tensor's norm.",
    position=120,
    step=Step(degree=0),
    init="parametrization.nn.updates.adam:init",
    update="parametrization.nn.updates.lamb:update",
    hyperparameters={**moments(0.9, 0.999, 1e-6), "weight_decay": WEIGHT_DECAY},
    log2_rates=(-10, -2),
    check_learning_rate=2.0**-9,
    rows=_ROWS,
    weight_degree=1,
    decay_degree=0,
)
