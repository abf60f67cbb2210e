"""Width rules of optimizers that treat every entry alone: SGD, Adam and their kin.

Two tables are written out; the others share one of them, on evidence of their own.
"""

from typing import Final

from parametrization.optimizers.names import Optimizer
from parametrization.rules.row import Refusal, Row, Rows, Scaling, labelled
from parametrization.rules.sources import (
    COMPLETE_D_P,
    DUAL_NORM,
    HERE,
    ROUTER,
    TP5,
    TP5_OTHERS,
)
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
ADAMW: Final[Rows] = {                 # std  mult lr_in l_out eps_i eps_o wd_in w_out
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
SGD: Final[Rows] = {                   # std  mult lr_in l_out eps_i eps_o wd_in w_out
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


def _without(rows: Rows, *, decay: bool = False, epsilon: bool = False, rate: bool = False) -> Rows:
    """Rows with the columns named set to zero: the optimizer has no such thing, or elsewhere."""
    zeros = {
        **({"wd_in": 0.0, "wd_out": 0.0} if decay else {}),
        **({"eps_in": 0.0, "eps_out": 0.0} if epsilon else {}),
        **({"lr_in": 0.0, "lr_out": 0.0} if rate else {}),
    }
    return {
        role: row._replace(scaling=row.scaling._replace(**zeros)) if isinstance(row, Row) else row
        for role, row in rows.items()
    }


ADAM: Final[Rows] = _without(ADAMW, decay=True)
LION: Final[Rows] = labelled(
    _without(ADAMW, epsilon=True), HERE.graded("TV", "M", "entries change by 1, as Adam's do")
)
_RADIUS: Final = DUAL_NORM.graded("DV", "M", "the radius scales instead of the rate")

TABLES: Final = {
    Optimizer.ADAM: ADAM,
    Optimizer.ADAMW: ADAMW,
    Optimizer.SGD: SGD,
    Optimizer.SGD_MOMENTUM: SGD,
    Optimizer.SGD_NESTEROV: SGD,
    Optimizer.ADAGRAD: labelled(ADAM, TP5_OTHERS.graded("TV", "M")),
    Optimizer.RMSPROP: labelled(ADAM, TP5_OTHERS),
    Optimizer.SCHEDULE_FREE_ADAMW: labelled(
        ADAMW, HERE.graded("DV", "M", "averages of iterates are free of width")
    ),
    Optimizer.LION: LION,
    Optimizer.SIGN_DESCENT: labelled(_without(LION, decay=True, rate=True), _RADIUS),
}
