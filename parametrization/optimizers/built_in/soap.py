"""SOAP: Adam in the eigenbasis of Shampoo's factors."""

from typing import Final

from parametrization.optimizers.assignment import matrices_with
from parametrization.optimizers.declaration import (
    OptimizerDeclaration,
    PolicyRows,
    Step,
    StepKind,
)
from parametrization.optimizers.usual_hyperparameters import WEIGHT_DECAY, epsilon, memory
from parametrization.rules.policy_numbers import SoapWidthRule
from parametrization.rules.row import Evidence, Row, Rows, Scaling
from parametrization.rules.sources import HERE
from parametrization.rules.sources import SOAP as QIU
from parametrization.rules.width.matrix_norms import NO_VECTORS
from parametrization.shapes.roles import Role

_SOAP: Final = Evidence(
    "SOAP measured here",
    "measured here at epsilon 1e-8: 1/sqrt(m) of the rate in Qiu et al. 2025, arXiv:2512.05620",
    "V",
    "L",
    "right where epsilon is negligible (1e-8); policy soap_width_rule",
)
_QIU: Final = QIU.graded("EV", "L", "right where epsilon is not negligible (1e-4 and up)")

# fmt: off
_EMPIRICAL: Final[Rows] = {            # std  mult lr_in l_out eps_i eps_o wd_in w_out
    Role.INPUT:            Row(Scaling( 0.0,  0.0,  0.0,  0.0,  0.0, -0.5,  0.0,  0.0), _SOAP),
    Role.HIDDEN:           Row(Scaling(-0.5,  0.0, -1.0,  0.5,  0.5, -0.5,  1.0, -0.5), _SOAP),
    Role.OUTPUT:           Row(Scaling( 0.0, -1.0,  0.0,  0.0, -0.5,  0.0,  0.0,  0.0), _SOAP),
    **NO_VECTORS,
    Role.MOE_ROUTER:       Row(Scaling( 0.0, -1.0,  0.0,  0.0, -0.5,  0.0,  0.0,  0.0), HERE),
    Role.FIXED_BOTTLENECK: Row(Scaling(-1.0,  0.0, -1.0,  0.0,  0.0,  0.0,  1.0,  0.0), HERE),
    Role.GQA_KV:           Row(Scaling(-0.5,  0.0, -1.0,  0.0,  0.0,  0.0,  1.0,  0.0), HERE),
}
_PUBLISHED: Final[Rows] = {            # std  mult lr_in l_out eps_i eps_o wd_in w_out
    Role.INPUT:            Row(Scaling( 0.0,  0.0,  0.0,  0.5,  0.0, -0.5,  0.0, -0.5), _QIU),
    Role.HIDDEN:           Row(Scaling(-0.5,  0.0, -0.5,  0.5,  0.5, -0.5,  0.5, -0.5), _QIU),
    Role.OUTPUT:           Row(Scaling( 0.0, -1.0,  0.5,  0.0, -0.5,  0.0, -0.5,  0.0), _QIU),
    **NO_VECTORS,
    Role.MOE_ROUTER:       Row(Scaling( 0.0, -1.0,  0.5,  0.0, -0.5,  0.0, -0.5,  0.0), HERE),
    Role.FIXED_BOTTLENECK: Row(Scaling(-1.0,  0.0, -0.5,  0.0,  0.0,  0.0,  0.5,  0.0), HERE),
    Role.GQA_KV:           Row(Scaling(-0.5,  0.0, -0.5,  0.0,  0.0,  0.0,  0.5,  0.0), HERE),
}
# fmt: on

SOAP: Final = OptimizerDeclaration(
    name="soap",
    spoken="SOAP",
    words="SOAP: Adam in the basis of Shampoo's factors, on hidden matrices, AdamW on everything"
    " else.",
    position=200,
    step=Step(degree=0, kind=StepKind.TENSOR),
    init="parametrization.nn.updates.soap:init",
    update="parametrization.nn.updates.soap:update",
    hyperparameters={
        "beta1": memory(0.95),
        "beta2": memory(0.95),
        "beta_factors": memory(0.95),
        "epsilon": epsilon(1e-8),
        "weight_decay": WEIGHT_DECAY,
    },
    log2_rates=(-10, -2),
    check_learning_rate=2.0**-11,
    rows=_EMPIRICAL,
    policy_rows=PolicyRows("soap_width_rule", {SoapWidthRule.QIU: _PUBLISHED}),
    starts_from_first_gradient=True,
    companions=matrices_with("soap"),
)
