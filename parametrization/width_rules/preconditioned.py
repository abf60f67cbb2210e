"""Width rules of Kronecker-factored preconditioners: Shampoo, SOAP, K-FAC and EKFAC.

Shampoo's epsilon is added to a factor G G^T, hence of the squared gradient's size. Damping of K-FAC
and EKFAC is relative to the factors, hence free of width. No optimizer here splits a matrix into
blocks: those who do multiply by the number of blocks besides.
"""

from collections.abc import Mapping
from typing import Final

from parametrization.optimizer_names import Optimizer
from parametrization.roles import Role
from parametrization.width_rules.matrix_norms import NOT_A_MATRIX
from parametrization.width_rules.row import Refusal, Row, Rows, Scaling, labelled
from parametrization.width_rules.sources import HERE, KFAC, SHAMPOO, SOAP

_OUTPUT: Final = SHAMPOO.graded("DV", "M")
_SOAP_OUT: Final = SOAP.graded("D", "L")
_SOAP_MID: Final = SOAP.graded(
    "EV", "L", "empirical: the right exponent depends on epsilon; policy soap_width_rule"
)
_KFAC: Final = KFAC.graded("TE", "M", "do not start the readout at zero: one step is then kernel's")
_KFAC_MID: Final = KFAC.graded("TV", "L", "slopes measured at widths near the batch size")
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
    Role.INPUT:            Row(Scaling( 0.0,  0.0,  0.0,  0.0,  0.0, -1.0,  0.0,  0.0), SHAMPOO),
    Role.HIDDEN:           Row(Scaling(-0.5,  0.0,  0.0,  0.0,  1.0, -1.0,  0.0,  0.0), SHAMPOO),
    Role.OUTPUT:           Row(Scaling( 0.0, -1.0,  0.0,  0.0, -1.0,  0.0,  0.0,  0.0), SHAMPOO),
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
EIGENBASIS: Final[Rows] = {            # std  mult lr_in l_out eps_i eps_o wd_in w_out
    Role.INPUT:            Row(Scaling( 0.0,  0.0,  0.0,  0.5,  0.0, -0.5,  0.0, -0.5), SOAP),
    Role.HIDDEN:           Row(Scaling(-0.5,  0.0, -1.0,  0.5,  0.5, -0.5,  1.0, -0.5), _SOAP_MID),
    Role.OUTPUT:           Row(Scaling( 0.0, -1.0,  0.5,  0.0, -0.5,  0.0, -0.5,  0.0), _SOAP_OUT),
    Role.VECTOR:           NOT_A_MATRIX,
    Role.SCALAR:           NOT_A_MATRIX,
    Role.QK_NORM_GAIN:     NOT_A_MATRIX,
    Role.FINAL_NORM:       NOT_A_MATRIX,
    Role.MOE_ROUTER:       Row(Scaling( 0.0, -1.0,  0.5,  0.0, -0.5,  0.0, -0.5,  0.0), HERE),
    Role.FIXED_BOTTLENECK: Row(Scaling(-1.0,  0.0, -0.5,  0.0,  0.0,  0.0,  0.5,  0.0), HERE),
    Role.GQA_KV:           Row(Scaling(-0.5,  0.0, -0.5,  0.0,  0.0,  0.0,  0.5,  0.0), HERE),
}
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

SOAP_WITHOUT_CORRECTION: Final = Row(
    Scaling(-0.5, 0.0, -0.5, 0.5, 0.5, -0.5, 0.5, -0.5),
    SOAP.graded("EV", "L", "needs an epsilon that is not negligible against the second moments"),
)
"""The published row for hidden matrices (policy soap_width_rule `qiu`)."""

TABLES: Final[Mapping[Optimizer, Rows]] = {
    Optimizer.SHAMPOO_QUARTER: QUARTER,
    Optimizer.SHAMPOO_HALF: HALF,
    Optimizer.SHAMPOO_GRAFTED: GRAFTED,
    Optimizer.SOAP: EIGENBASIS,
    Optimizer.KFAC: FISHER,
    Optimizer.EKFAC: labelled(FISHER, HERE),
}
