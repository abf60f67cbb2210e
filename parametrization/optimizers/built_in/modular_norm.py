"""Descent in the modular norm: unit steps per kind of tensor, a share of the rate per part."""

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
from parametrization.rules.sources import HERE, MODULAR
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
    "momentum": memory(0.95),
    "mass_share": positive(1.0),
    "epsilon": epsilon(1e-8),
    "weight_decay": WEIGHT_DECAY,
}
_RATES: Final = (-9, -1)
_CHECK_RATE: Final = 2.0**-12
_A_PART: Final = "a part of the modular norm, which `modular_matrix` leads"

# No forward multiplier: the initial tensor and the step carry its 1/m.
# fmt: off
_READOUT: Final[Rows] = {              # std  mult lr_in l_out eps_i eps_o wd_in w_out
    Role.OUTPUT:           Row(Scaling(-1.0,  0.0, -0.5,  0.0,  0.5,  0.0,  0.5,  0.0), MODULAR),
    Role.MOE_ROUTER:       Row(Scaling(-1.0,  0.0, -0.5,  0.0,  0.5,  0.0,  0.5,  0.0), HERE),
}
# fmt: on

MODULAR_MATRIX: Final = OptimizerDeclaration(
    name="modular_matrix",
    spoken="modular norm (matrix)",
    words="Descent in the modular norm: a unit step for every kind of tensor, times its share of"
    " the mass. Rate multipliers are masses of classes, over that of hidden matrices.",
    position=240,
    step=Step(degree=0, kind=StepKind.TENSOR),
    init="parametrization.nn.updates.modular_norm:init",
    update="parametrization.nn.updates.modular_norm:update_matrix",
    hyperparameters=_HYPERPARAMETERS,
    log2_rates=_RATES,
    check_learning_rate=_CHECK_RATE,
    rows=belonging({**ORTHOGONAL, **_READOUT}, (Role.INPUT, Role.HIDDEN, *READOUTS), MODULAR),
    bare_factor=spectral_factor,
    # The modular norm's own table; a ratio of 1, because its masses say how roles differ.
    companions=Assignment(
        {
            **dict.fromkeys((Role.INPUT, Role.HIDDEN, *READOUTS), "modular_matrix"),
            **dict.fromkeys(VECTORS, "modular_vector"),
            Role.FIXED_BOTTLENECK: "adamw",
            Role.GQA_KV: "adamw",
        },
        lead="modular_matrix",
        tables="modular_embedding",
    ),
)
MODULAR_EMBEDDING: Final = OptimizerDeclaration(
    name="modular_embedding",
    spoken="modular norm (embedding)",
    words="The modular norm on lookup tables: columns change by RMS 1.",
    position=241,
    step=Step(degree=0),
    init="parametrization.nn.updates.modular_norm:init",
    update="parametrization.nn.updates.modular_norm:update_embedding",
    hyperparameters=_HYPERPARAMETERS,
    log2_rates=_RATES,
    check_learning_rate=_CHECK_RATE,
    rows=belonging(ENTRY_OF_ONE, (Role.INPUT,), MODULAR),
    not_studied=_A_PART,
)
MODULAR_VECTOR: Final = replace(
    MODULAR_EMBEDDING,
    name="modular_vector",
    spoken="modular norm (vector)",
    words="The modular norm on biases and gains: vectors change by RMS 1.",
    position=242,
    update="parametrization.nn.updates.modular_norm:update_vector",
    rows=belonging(ENTRY_OF_ONE, VECTORS, MODULAR),
)
