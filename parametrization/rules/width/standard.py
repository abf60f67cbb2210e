"""The standard parametrization: one rate everywhere, torch-like 1/sqrt(fan_in) initial tensors.

By construction equal to muP at the base width.
"""

from typing import Final

from parametrization.rules.row import Evidence, Row, Rows, Scaling
from parametrization.shapes.roles import Role

STANDARD_EVIDENCE: Final = Evidence("standard", "the practice without width rules", "", "")

# fmt: off
STANDARD: Final[Rows] = {              # std  mult lr_in l_out
    Role.INPUT:            Row(Scaling( 0.0,  0.0,  0.0,  0.0), STANDARD_EVIDENCE),
    Role.HIDDEN:           Row(Scaling(-0.5,  0.0,  0.0,  0.0), STANDARD_EVIDENCE),
    Role.OUTPUT:           Row(Scaling(-0.5,  0.0,  0.0,  0.0), STANDARD_EVIDENCE),
    Role.VECTOR:           Row(Scaling( 0.0,  0.0,  0.0,  0.0), STANDARD_EVIDENCE),
    Role.SCALAR:           Row(Scaling( 0.0,  0.0,  0.0,  0.0), STANDARD_EVIDENCE),
    Role.QK_NORM_GAIN:     Row(Scaling( 0.0,  0.0,  0.0,  0.0), STANDARD_EVIDENCE),
    Role.FINAL_NORM:       Row(Scaling( 0.0,  0.0,  0.0,  0.0), STANDARD_EVIDENCE),
    Role.MOE_ROUTER:       Row(Scaling(-0.5,  0.0,  0.0,  0.0), STANDARD_EVIDENCE),
    Role.FIXED_BOTTLENECK: Row(Scaling(-0.5,  0.0,  0.0,  0.0), STANDARD_EVIDENCE),
    Role.GQA_KV:           Row(Scaling(-0.5,  0.0,  0.0,  0.0), STANDARD_EVIDENCE),
}
# fmt: on
