"""Scion: steps of a fixed norm per kind of tensor, along an average of gradients."""

from dataclasses import replace
from typing import Final

from parametrization.optimizers.assignment import Assignment
from parametrization.optimizers.declaration import OptimizerDeclaration, Step, StepKind
from parametrization.optimizers.usual_hyperparameters import (
    WEIGHT_DECAY,
    epsilon,
    memory,
    positive,
)
from parametrization.rules.row import Row, Rows, Scaling
from parametrization.rules.sources import HERE
from parametrization.rules.sources import SCION as PETHICK
from parametrization.rules.width.matrix_norms import (
    ENTRY_OF_ONE,
    ORTHOGONAL,
    READOUTS,
    VECTORS,
    belonging,
    spectral_factor,
)
from parametrization.shapes.roles import Role

_HYPERPARAMETERS: Final = {
    "momentum": memory(0.9),
    "radius": positive(1.0),
    "epsilon": epsilon(1e-8),
    "weight_decay": WEIGHT_DECAY,
}
_RATES: Final = (-11, -3)
_CHECK_RATE: Final = 2.0**-12
_A_PART: Final = "a part of Scion, which `scion_spectral` leads"

# fmt: off
_SIGNED_READOUT: Final[Rows] = {       # std  mult lr_in l_out eps_i eps_o wd_in w_out
    Role.OUTPUT:           Row(Scaling( 0.0, -1.0,  0.0,  0.0,  0.0,  0.0,  0.0,  0.0), PETHICK),
    Role.MOE_ROUTER:       Row(Scaling( 0.0, -1.0,  0.0,  0.0,  0.0,  0.0,  0.0,  0.0), HERE),
}
# fmt: on

SCION_SPECTRAL: Final = OptimizerDeclaration(
    name="scion_spectral",
    spoken="Scion (spectral)",
    words="Scion: a norm ball for every kind of tensor, spectral on hidden matrices.",
    position=230,
    step=Step(degree=0, kind=StepKind.TENSOR),
    init="parametrization.nn.updates.scion:init",
    update="parametrization.nn.updates.scion:update_spectral",
    hyperparameters=_HYPERPARAMETERS,
    log2_rates=_RATES,
    check_learning_rate=_CHECK_RATE,
    rows=belonging(ORTHOGONAL, (Role.INPUT, Role.HIDDEN), PETHICK),
    bare_factor=spectral_factor,
    # Scion's own table; a ratio of 1, because its radii say how roles differ.
    companions=Assignment(
        {
            Role.INPUT: "scion_column",
            Role.HIDDEN: "scion_spectral",
            Role.OUTPUT: "scion_sign",  # the readout's forward pass has the 1 / fan_in
            **dict.fromkeys(VECTORS, "scion_rms"),
            Role.MOE_ROUTER: "scion_sign",
            Role.FIXED_BOTTLENECK: "adamw",
            Role.GQA_KV: "adamw",
        },
        lead="scion_spectral",
    ),
)
SCION_COLUMN: Final = OptimizerDeclaration(
    name="scion_column",
    spoken="Scion (column)",
    words="Scion on lookup tables and first layers: columns change by RMS 1.",
    position=231,
    step=Step(degree=0),
    init="parametrization.nn.updates.scion:init",
    update="parametrization.nn.updates.scion:update_column",
    hyperparameters=_HYPERPARAMETERS,
    log2_rates=_RATES,
    check_learning_rate=_CHECK_RATE,
    rows=belonging(ENTRY_OF_ONE, (Role.INPUT,)),
    not_studied=_A_PART,
)
SCION_SIGN: Final = replace(
    SCION_COLUMN,
    name="scion_sign",
    spoken="Scion (sign)",
    words="Scion on readouts: entries change by 1.",
    position=232,
    update="parametrization.nn.updates.scion:update_sign",
    rows=belonging(_SIGNED_READOUT, READOUTS),
    entrywise=True,
)
SCION_RMS: Final = replace(
    SCION_COLUMN,
    name="scion_rms",
    spoken="Scion (rms)",
    words="Scion on biases and gains: vectors change by RMS 1.",
    position=233,
    update="parametrization.nn.updates.scion:update_rms",
    rows=belonging(ENTRY_OF_ONE, VECTORS),
)
