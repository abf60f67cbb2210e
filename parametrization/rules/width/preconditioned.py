"""Width rules of Kronecker-factored preconditioners: Shampoo, SOAP, K-FAC and EKFAC.

Shampoo's epsilon is added to a factor G G^T, hence of the squared gradient's size. Damping of K-FAC
and EKFAC is relative to a trace, hence free of width. No optimizer here splits a matrix into
blocks: those who do multiply by the number of blocks besides.
"""

from collections.abc import Mapping
from typing import Final

from parametrization.optimizers.names import Optimizer
from parametrization.rules.row import Evidence, Refusal, Row, Rows, Scaling, labelled
from parametrization.rules.sources import HERE, KFAC, SHAMPOO, SOAP
from parametrization.rules.width.matrix_norms import NOT_A_MATRIX
from parametrization.shapes.roles import Role

_OUTPUT: Final = SHAMPOO.graded("DV", "M")
_HALF: Final = SHAMPOO.graded("TEV", "M", "not with a readout that starts at zero: slopes to -.8")
_HALF_MID: Final = SHAMPOO.graded(
    "TEV",
    "M",
    "readout not from zero: slopes to -.8; epsilon above fp32's resolution of the factors: at 1e-12"
    " slope -.47, at 1e-6 +.05 (64 to 512)",
)
_SOAP: Final = Evidence(
    "SOAP measured here",
    "measured here at epsilon 1e-8: 1/sqrt(m) of the rate in Qiu et al. 2025, arXiv:2512.05620",
    "V",
    "L",
    "right where epsilon is negligible (1e-8); policy soap_width_rule",
)
_QIU: Final = SOAP.graded("EV", "L", "right where epsilon is not negligible (1e-4 and up)")
_KFAC: Final = KFAC.graded(
    "TEV",
    "M",
    "readout not from zero: one step is then kernel's; slopes input +.10, readout +.03 at 128 to"
    " 512, +.18 and +.04 at 64 to 256",
)
_KFAC_MID: Final = KFAC.graded("TV", "M", "slopes +.06 at 128 to 512, +.14 at 64 to 256")
_NO_FIXED: Final = Refusal(
    "an internal map to a fixed width has no rate at every width: its gradient's size changes from"
    " m^-1/2 at the start to 1 in training, and the step is inversely proportional to it",
    "let that dimension grow with width, or train the tensor with adamw",
    HERE,
)

# fmt: off
QUARTER: Final[Rows] = {               # std  mult lr_in l_out eps_i eps_o wd_in w_out
    Role.INPUT:            Row(Scaling( 0.0,  0.0,  0.0,  0.5,  0.0, -1.0,  0.0, -0.5), SHAMPOO),
    Role.HIDDEN:           Row(Scaling(-0.5,  0.0, -0.5,  0.5,  1.0, -1.0,  0.5, -0.5), SHAMPOO),
    Role.OUTPUT:           Row(Scaling( 0.0, -1.0,  0.5,  0.0, -1.0,  0.0, -0.5,  0.0), _OUTPUT),
    Role.VECTOR:           NOT_A_MATRIX,
    Role.SCALAR:           NOT_A_MATRIX,
    Role.QK_NORM_GAIN:     NOT_A_MATRIX,
    Role.FINAL_NORM:       NOT_A_MATRIX,
    Role.MOE_ROUTER:       Row(Scaling( 0.0, -1.0,  0.5,  0.0, -1.0,  0.0, -0.5,  0.0), HERE),
    Role.FIXED_BOTTLENECK: Row(Scaling(-1.0,  0.0, -0.5,  0.0,  0.0,  0.0,  0.5,  0.0), HERE),
    Role.GQA_KV:           Row(Scaling(-0.5,  0.0, -0.5,  0.0,  0.0,  0.0,  0.5,  0.0), HERE),
}
HALF: Final[Rows] = {                  # std  mult lr_in l_out eps_i eps_o wd_in w_out
    Role.INPUT:            Row(Scaling( 0.0,  0.0,  0.0,  0.0,  0.0, -1.0,  0.0,  0.0), _HALF),
    Role.HIDDEN:           Row(Scaling(-0.5,  0.0,  0.0,  0.0,  1.0, -1.0,  0.0,  0.0), _HALF_MID),
    Role.OUTPUT:           Row(Scaling( 0.0, -1.0,  0.0,  0.0, -1.0,  0.0,  0.0,  0.0), _HALF),
    Role.VECTOR:           NOT_A_MATRIX,
    Role.SCALAR:           NOT_A_MATRIX,
    Role.QK_NORM_GAIN:     NOT_A_MATRIX,
    Role.FINAL_NORM:       NOT_A_MATRIX,
    Role.MOE_ROUTER:       Row(Scaling( 0.0, -1.0,  0.0,  0.0, -1.0,  0.0,  0.0,  0.0), HERE),
    Role.FIXED_BOTTLENECK: _NO_FIXED,
    Role.GQA_KV:           _NO_FIXED,
}
GRAFTED: Final[Rows] = {               # std  mult lr_in l_out eps_i eps_o wd_in w_out
    Role.INPUT:            Row(Scaling( 0.0,  0.0,  0.0,  0.0,  0.0, -1.0,  0.0,  0.0), SHAMPOO),
    Role.HIDDEN:           Row(Scaling(-0.5,  0.0, -1.0,  0.0,  1.0, -1.0,  1.0,  0.0), SHAMPOO),
    Role.OUTPUT:           Row(Scaling( 0.0, -1.0,  0.0,  0.0, -1.0,  0.0,  0.0,  0.0), SHAMPOO),
    Role.VECTOR:           NOT_A_MATRIX,
    Role.SCALAR:           NOT_A_MATRIX,
    Role.QK_NORM_GAIN:     NOT_A_MATRIX,
    Role.FINAL_NORM:       NOT_A_MATRIX,
    Role.MOE_ROUTER:       Row(Scaling( 0.0, -1.0,  0.0,  0.0, -1.0,  0.0,  0.0,  0.0), HERE),
    Role.FIXED_BOTTLENECK: Row(Scaling(-1.0,  0.0, -1.0,  0.0,  0.0,  0.0,  1.0,  0.0), HERE),
    Role.GQA_KV:           Row(Scaling(-0.5,  0.0, -1.0,  0.0,  0.0,  0.0,  1.0,  0.0), HERE),
}
SOAP_EMPIRICAL: Final[Rows] = {        # std  mult lr_in l_out eps_i eps_o wd_in w_out
    Role.INPUT:            Row(Scaling( 0.0,  0.0,  0.0,  0.0,  0.0, -0.5,  0.0,  0.0), _SOAP),
    Role.HIDDEN:           Row(Scaling(-0.5,  0.0, -1.0,  0.5,  0.5, -0.5,  1.0, -0.5), _SOAP),
    Role.OUTPUT:           Row(Scaling( 0.0, -1.0,  0.0,  0.0, -0.5,  0.0,  0.0,  0.0), _SOAP),
    Role.VECTOR:           NOT_A_MATRIX,
    Role.SCALAR:           NOT_A_MATRIX,
    Role.QK_NORM_GAIN:     NOT_A_MATRIX,
    Role.FINAL_NORM:       NOT_A_MATRIX,
    Role.MOE_ROUTER:       Row(Scaling( 0.0, -1.0,  0.0,  0.0, -0.5,  0.0,  0.0,  0.0), HERE),
    Role.FIXED_BOTTLENECK: Row(Scaling(-1.0,  0.0, -1.0,  0.0,  0.0,  0.0,  1.0,  0.0), HERE),
    Role.GQA_KV:           Row(Scaling(-0.5,  0.0, -1.0,  0.0,  0.0,  0.0,  1.0,  0.0), HERE),
}
SOAP_PUBLISHED: Final[Rows] = {        # std  mult lr_in l_out eps_i eps_o wd_in w_out
    Role.INPUT:            Row(Scaling( 0.0,  0.0,  0.0,  0.5,  0.0, -0.5,  0.0, -0.5), _QIU),
    Role.HIDDEN:           Row(Scaling(-0.5,  0.0, -0.5,  0.5,  0.5, -0.5,  0.5, -0.5), _QIU),
    Role.OUTPUT:           Row(Scaling( 0.0, -1.0,  0.5,  0.0, -0.5,  0.0, -0.5,  0.0), _QIU),
    Role.VECTOR:           NOT_A_MATRIX,
    Role.SCALAR:           NOT_A_MATRIX,
    Role.QK_NORM_GAIN:     NOT_A_MATRIX,
    Role.FINAL_NORM:       NOT_A_MATRIX,
    Role.MOE_ROUTER:       Row(Scaling( 0.0, -1.0,  0.5,  0.0, -0.5,  0.0, -0.5,  0.0), HERE),
    Role.FIXED_BOTTLENECK: Row(Scaling(-1.0,  0.0, -0.5,  0.0,  0.0,  0.0,  0.5,  0.0), HERE),
    Role.GQA_KV:           Row(Scaling(-0.5,  0.0, -0.5,  0.0,  0.0,  0.0,  0.5,  0.0), HERE),
}
"""In force where the policy soap_width_rule is `qiu`."""
FISHER: Final[Rows] = {                # std  mult lr_in l_out eps_i eps_o wd_in w_out
    Role.INPUT:            Row(Scaling( 0.0,  0.0,  0.0,  0.0,  0.0,  0.0,  0.0,  0.0), _KFAC),
    Role.HIDDEN:           Row(Scaling(-0.5,  0.0,  0.0,  0.0,  0.0,  0.0,  0.0,  0.0), _KFAC_MID),
    Role.OUTPUT:           Row(Scaling( 0.0, -1.0,  0.0,  0.0,  0.0,  0.0,  0.0,  0.0), _KFAC),
    Role.VECTOR:           NOT_A_MATRIX,
    Role.SCALAR:           NOT_A_MATRIX,
    Role.QK_NORM_GAIN:     NOT_A_MATRIX,
    Role.FINAL_NORM:       NOT_A_MATRIX,
    Role.MOE_ROUTER:       Row(Scaling( 0.0, -1.0,  0.0,  0.0,  0.0,  0.0,  0.0,  0.0), HERE),
    Role.FIXED_BOTTLENECK: _NO_FIXED,
    Role.GQA_KV:           _NO_FIXED,
}
# fmt: on

TABLES: Final[Mapping[Optimizer, Rows]] = {
    Optimizer.SHAMPOO_QUARTER: QUARTER,
    Optimizer.SHAMPOO_HALF: HALF,
    Optimizer.SHAMPOO_GRAFTED: GRAFTED,
    Optimizer.SOAP: SOAP_EMPIRICAL,
    Optimizer.KFAC: FISHER,
    Optimizer.EKFAC: labelled(
        FISHER,
        HERE.graded(
            "DV",
            "M",
            "with damping of the sum of squares: of their mean it fails; with the mean once at the"
            " base, slopes +.02 to +.04 at 128 to 512, +.07 to +.16 at 64 to 256",
        ),
    ),
}
