"""Width rules of steps whose entries are independent: of a fixed size, or of the gradient's size.

Adam and similar optimizers share the first table, SGD and similar ones the second.
"""

from typing import Final

from parametrization.rules.row import Refusal, Row, Rows, Scaling
from parametrization.rules.sources import COMPLETE_D_P, HERE, ROUTER, TP5
from parametrization.shapes.roles import Role

_GAIN: Final = COMPLETE_D_P
_INTERNAL: Final = HERE.graded("TV", "M")
_KV: Final = HERE.graded(
    "DV", "L", "neither 1/sqrt(fan_in) nor 1/fan_in starts it cleanly: let heads grow with width"
)
_FINAL: Final = TP5.graded("TD", "M", "Complete(d)P leaves its epsilon at 1; the gradient is 1/m")
_NO_FIXED: Final = Refusal(
    "an internal map to a fixed width has no rate at every width: its gradient's size changes from"
    " m^-1/2 at the start to 1 in training, and the step is proportional to it",
    "let that dimension grow with width, or train the tensor with adamw",
    _INTERNAL.graded("V", "M"),
)

# fmt: off
ADAM_LIKE: Final[Rows] = {             # std  mult lr_in l_out eps_i eps_o wd_in w_out
    Role.INPUT:            Row(Scaling( 0.0,  0.0,  0.0,  0.0,  0.0, -1.0,  0.0,  0.0), TP5),
    Role.HIDDEN:           Row(Scaling(-0.5,  0.0, -1.0,  0.0,  0.0, -1.0,  1.0,  0.0), TP5),
    Role.OUTPUT:           Row(Scaling( 0.0, -1.0,  0.0,  0.0, -1.0,  0.0,  0.0,  0.0), TP5),
    Role.VECTOR:           Row(Scaling( 0.0,  0.0,  0.0,  0.0,  0.0, -1.0,  0.0,  0.0), TP5),
    Role.SCALAR:           Row(Scaling( 0.0,  0.0,  0.0,  0.0,  0.0,  0.0,  0.0,  0.0), TP5),
    Role.QK_NORM_GAIN:     Row(Scaling( 0.0,  0.0,  0.0,  0.0,  0.0,  0.0,  0.0,  0.0), _GAIN),
    Role.FINAL_NORM:       Row(Scaling( 0.0,  0.0,  0.0,  0.0,  0.0, -1.0,  0.0,  0.0), _FINAL),
    Role.MOE_ROUTER:       Row(Scaling( 0.0, -1.0,  0.0,  0.0, -1.0,  0.0,  0.0,  0.0), ROUTER),
    Role.FIXED_BOTTLENECK: Row(Scaling(-1.0,  0.0, -1.0,  0.0, -0.5,  0.0,  1.0,  0.0), _INTERNAL),
    Role.GQA_KV:           Row(Scaling(-0.5,  0.0, -1.0,  0.0, -0.5,  0.0,  1.0,  0.0), _KV),
}
SGD_LIKE: Final[Rows] = {              # std  mult lr_in l_out eps_i eps_o wd_in w_out
    Role.INPUT:            Row(Scaling( 0.0,  0.0,  0.0,  1.0,  0.0,  0.0,  0.0, -1.0), TP5),
    Role.HIDDEN:           Row(Scaling(-0.5,  0.0, -1.0,  1.0,  0.0,  0.0,  1.0, -1.0), TP5),
    Role.OUTPUT:           Row(Scaling( 0.0, -1.0,  1.0,  0.0,  0.0,  0.0, -1.0,  0.0), TP5),
    Role.VECTOR:           Row(Scaling( 0.0,  0.0,  0.0,  1.0,  0.0,  0.0,  0.0, -1.0), TP5),
    Role.SCALAR:           Row(Scaling( 0.0,  0.0,  0.0,  0.0,  0.0,  0.0,  0.0,  0.0), TP5),
    Role.QK_NORM_GAIN:     Row(Scaling( 0.0,  0.0,  0.0,  0.0,  0.0,  0.0,  0.0,  0.0), HERE),
    Role.FINAL_NORM:       Row(Scaling( 0.0,  0.0,  0.0,  1.0,  0.0,  0.0,  0.0, -1.0), TP5),
    Role.MOE_ROUTER:       Row(Scaling( 0.0, -1.0,  1.0,  0.0,  0.0,  0.0, -1.0,  0.0), HERE),
    Role.FIXED_BOTTLENECK: _NO_FIXED,
    Role.GQA_KV:           _NO_FIXED,
}
# fmt: on
