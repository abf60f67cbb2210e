"""Muon: momentum, orthogonalised; three conventions of its scale, which differ in width."""

import math
from typing import Final

from parametrization.optimizers.assignment import matrices_with
from parametrization.optimizers.declaration import OptimizerDeclaration, Step, StepKind
from parametrization.optimizers.usual_hyperparameters import WEIGHT_DECAY, epsilon, memory
from parametrization.rules.horizon import BORROWED, complete_d_rows, lmo_rows
from parametrization.rules.row import Rows
from parametrization.rules.sources import SPECTRAL
from parametrization.rules.width.matrix_norms import ORTHOGONAL, spectral_factor
from parametrization.shapes.roles import Role

_STEP: Final = Step(degree=0, kind=StepKind.TENSOR)
_HORIZON: Final = complete_d_rows(BORROWED, remembers=("momentum",)) | lmo_rows()
_HYPERPARAMETERS: Final = {
    "momentum": memory(0.95),
    "epsilon": epsilon(1e-7),
    "weight_decay": WEIGHT_DECAY,
}


def _rows(basis: str, confidence: str, note: str = "") -> Rows:
    hidden = ORTHOGONAL[Role.HIDDEN]._replace(evidence=SPECTRAL.graded(basis, confidence, note))
    return {**ORTHOGONAL, Role.HIDDEN: hidden}


def spectral_factor_of_at_least_one(fan_out: int, fan_in: int) -> float:
    """Factor on the step of the original convention."""
    return math.sqrt(max(1, fan_out / fan_in))


def root_of_longer_side(fan_out: int, fan_in: int) -> float:
    """Factor, up to a constant, on the step that is as long as AdamW's."""
    return math.sqrt(max(fan_out, fan_in))


MUON_SPECTRAL: Final = OptimizerDeclaration(
    name="muon_spectral",
    spoken="Muon",
    words="Muon, step of spectral norm sqrt(fan_out / fan_in), on hidden matrices, AdamW on"
    " everything else.",
    position=140,
    step=_STEP,
    init="parametrization.nn.updates.muon:init",
    update="parametrization.nn.updates.muon:update_spectral",
    hyperparameters=_HYPERPARAMETERS,
    log2_rates=(-9, -1),
    check_learning_rate=2.0**-8,
    rows=_rows("TEV", "H"),
    horizon=_HORIZON,
    bare_factor=spectral_factor,
    companions=matrices_with("muon_spectral"),
)
MUON_ORIGINAL: Final = OptimizerDeclaration(
    name="muon_original",
    spoken="Muon (original)",
    words="Muon, step factor sqrt(max(1, fan_out / fan_in)), on hidden matrices, AdamW on"
    " everything else.",
    position=150,
    step=_STEP,
    init="parametrization.nn.updates.muon:init",
    update="parametrization.nn.updates.muon:update_original",
    hyperparameters=_HYPERPARAMETERS,
    log2_rates=(-9, -1),
    check_learning_rate=2.0**-8,
    rows=_rows("TDV", "M", "its factor is clamped where fan-in > fan-out"),
    horizon=_HORIZON,
    bare_factor=spectral_factor_of_at_least_one,
    companions=matrices_with("muon_original"),
)
MUON_MATCH_RMS_ADAMW: Final = OptimizerDeclaration(
    name="muon_match_rms_adamw",
    spoken="Muon (match_rms_adamw)",
    words="Muon, steps as large as AdamW's, on hidden matrices, AdamW on everything else.",
    position=160,
    step=_STEP,
    init="parametrization.nn.updates.muon:init",
    update="parametrization.nn.updates.muon:update_match_rms_adamw",
    hyperparameters=_HYPERPARAMETERS,
    log2_rates=(-10, -2),
    check_learning_rate=2.0**-12,
    rows=_rows("DV", "M", "the rate of AdamW cannot be reused across widths"),
    horizon=_HORIZON,
    bare_factor=root_of_longer_side,
    companions=matrices_with("muon_match_rms_adamw"),
)
