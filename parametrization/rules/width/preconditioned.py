"""Width rules of Kronecker-factored Fisher matrices, and refusals of such preconditioners.

Damping is relative to a trace, hence free of width. No optimizer here splits a matrix into blocks;
one that does multiplies by their number besides.
"""

from typing import Final

from parametrization.rules.row import Refusal, Row, Rows, Scaling
from parametrization.rules.sources import HERE, KFAC
from parametrization.rules.width.matrix_norms import NO_VECTORS
from parametrization.shapes.roles import Role

_KFAC: Final = KFAC.graded(
    "TEV",
    "M",
    "readout not from zero: one step is then kernel's; slopes input +.10, readout +.03 at 128 to"
    " 512, +.18 and +.04 at 64 to 256",
)
_KFAC_MID: Final = KFAC.graded("TV", "M", "slopes +.06 at 128 to 512, +.14 at 64 to 256")
NO_FIXED_WIDTH: Final = Refusal(
    "an internal map to a fixed width has no rate at every width: its gradient's size changes from"
    " m^-1/2 at the start to 1 in training, and the step is inversely proportional to it",
    "let that dimension grow with width, or train the tensor with adamw",
    HERE,
)

# fmt: off
FISHER: Final[Rows] = {                # std  mult lr_in l_out eps_i eps_o wd_in w_out
    Role.INPUT:            Row(Scaling( 0.0,  0.0,  0.0,  0.0,  0.0,  0.0,  0.0,  0.0), _KFAC),
    Role.HIDDEN:           Row(Scaling(-0.5,  0.0,  0.0,  0.0,  0.0,  0.0,  0.0,  0.0), _KFAC_MID),
    Role.OUTPUT:           Row(Scaling( 0.0, -1.0,  0.0,  0.0,  0.0,  0.0,  0.0,  0.0), _KFAC),
    **NO_VECTORS,
    Role.MOE_ROUTER:       Row(Scaling( 0.0, -1.0,  0.0,  0.0,  0.0,  0.0,  0.0,  0.0), HERE),
    Role.FIXED_BOTTLENECK: NO_FIXED_WIDTH,
    Role.GQA_KV:           NO_FIXED_WIDTH,
}
# fmt: on
