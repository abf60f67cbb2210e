"""Width rules of optimizers whose step has a length set per tensor.

Layer-normalised SGD divides by the gradient's own norm; LARS, LAMB and Adafactor make a step
relative to the tensor's size.
"""

from typing import Final

from parametrization.optimizers.names import Optimizer
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
_MEASURED: Final = HERE.graded("V", "M")

# fmt: off
LAYER_NORMALISED_SGD: Final[Rows] = {# std  mult lr_in l_out eps_i eps_o wd_in w_out
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
LARS: Final[Rows] = {                  # std  mult lr_in l_out eps_i eps_o wd_in w_out
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
LAMB: Final[Rows] = {                  # std  mult lr_in l_out eps_i eps_o wd_in w_out
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
ADAFACTOR: Final[Rows] = {             # std  mult lr_in l_out eps_i eps_o wd_in w_out
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

TABLES: Final = {
    Optimizer.LAYER_NORMALISED_SGD: LAYER_NORMALISED_SGD,
    Optimizer.LARS: LARS,
    Optimizer.LAMB: LAMB,
    Optimizer.ADAFACTOR: ADAFACTOR,
}
