"""Layer-normalised SGD: every tensor's gradient over the running root of its squared norm."""

from typing import Final

from parametrization.optimizers.declaration import OptimizerDeclaration, Step, StepKind
from parametrization.optimizers.usual_hyperparameters import WEIGHT_DECAY, epsilon, memory
from parametrization.rules.row import Row, Rows, Scaling
from parametrization.rules.sources import HERE
from parametrization.shapes.roles import Role

_MEASURED: Final = HERE.graded("V", "M")

# fmt: off
_ROWS: Final[Rows] = {                 # std  mult lr_in l_out eps_i eps_o wd_in w_out
    Role.INPUT:            Row(Scaling( 0.0,  0.0,  0.0,  0.5,  0.0, -1.0,  0.0, -0.5), _MEASURED),
    Role.HIDDEN:           Row(Scaling(-0.5,  0.0, -0.5,  0.5,  1.0, -1.0,  0.5, -0.5), _MEASURED),
    Role.OUTPUT:           Row(Scaling( 0.0, -1.0,  0.5,  0.0, -1.0,  0.0, -0.5,  0.0), _MEASURED),
    Role.VECTOR:           Row(Scaling( 0.0,  0.0,  0.0,  0.5,  0.0, -1.0,  0.0, -0.5), HERE),
    Role.SCALAR:           Row(Scaling( 0.0,  0.0,  0.0,  0.0,  0.0,  0.0,  0.0,  0.0), HERE),
    Role.QK_NORM_GAIN:     Row(Scaling( 0.0,  0.0,  0.0,  0.0,  0.0,  0.0,  0.0,  0.0), HERE),
    Role.FINAL_NORM:       Row(Scaling( 0.0,  0.0,  0.0,  0.5,  0.0, -1.0,  0.0, -0.5), HERE),
    Role.MOE_ROUTER:       Row(Scaling( 0.0, -1.0,  0.5,  0.0, -1.0,  0.0, -0.5,  0.0), HERE),
    Role.FIXED_BOTTLENECK: Row(Scaling(-1.0,  0.0, -0.5,  0.0,  0.0,  0.0,  0.5,  0.0), HERE),
    Role.GQA_KV:           Row(Scaling(-0.5,  0.0, -0.5,  0.0,  0.0,  0.0,  0.5,  0.0), HERE),
}
# fmt: on

LAYER_NORMALISED_SGD: Final = OptimizerDeclaration(
    name="layer_normalised_sgd",
    spoken="layer-normalised SGD",
    words="SGD divided, tensor by tensor, by the running size of its gradient.",
    position=50,
    step=Step(degree=0, kind=StepKind.TENSOR),
    init="parametrization.nn.updates.layer_normalised_sgd:init",
    update="parametrization.nn.updates.layer_normalised_sgd:update",
    hyperparameters={
        "beta2": memory(0.9),
        "epsilon": epsilon(1e-8, gradient_power=2),
        "weight_decay": WEIGHT_DECAY,
    },
    log2_rates=(-8, 0),
    check_learning_rate=2.0**-6,
    rows=_ROWS,
)
