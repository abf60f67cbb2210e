"""Width rules of steps that have norm 1 in a matrix norm: Muon, Scion and the modular norm.

The rows are those of the bare step; the growth of the factor that an optimizer already has
(`BUILT_IN`) is divided out of the rate and multiplied into the decay. With `muon_spectral`
nothing is left to scale: that is what its factor is for.
"""

import math
from collections.abc import Callable, Mapping
from typing import Final

from parametrization.optimizers.names import Optimizer
from parametrization.rules.row import Evidence, Refusal, Row, Rows, Scaling, labelled
from parametrization.rules.sources import HERE, MODULAR, SCION, SPECTRAL
from parametrization.shapes.roles import Role

_ELSEWHERE: Final = HERE.graded("DV", "M", "usually trained by adamw, at a rate of its own")
NOT_A_MATRIX: Final = Refusal(
    "its step is a matrix and this tensor is not one",
    "train it with a companion such as adamw, at a base learning rate of its own",
    HERE,
)

# fmt: off
ORTHOGONAL: Final[Rows] = {            # std  mult lr_in l_out eps_i eps_o wd_in w_out
    Role.INPUT:            Row(Scaling( 0.0,  0.0,  0.0,  0.5,  0.0, -0.5,  0.0, -0.5), _ELSEWHERE),
    Role.HIDDEN:           Row(Scaling(-0.5,  0.0, -0.5,  0.5,  0.5, -0.5,  0.5, -0.5), SPECTRAL),
    Role.OUTPUT:           Row(Scaling( 0.0, -1.0,  0.5,  0.0, -0.5,  0.0, -0.5,  0.0), _ELSEWHERE),
    Role.VECTOR:           NOT_A_MATRIX,
    Role.SCALAR:           NOT_A_MATRIX,
    Role.QK_NORM_GAIN:     NOT_A_MATRIX,
    Role.FINAL_NORM:       NOT_A_MATRIX,
    Role.MOE_ROUTER:       Row(Scaling( 0.0, -1.0,  0.5,  0.0, -0.5,  0.0, -0.5,  0.0), HERE),
    Role.FIXED_BOTTLENECK: Row(Scaling(-1.0,  0.0, -0.5,  0.0,  0.0,  0.0,  0.5,  0.0), HERE),
    Role.GQA_KV:           Row(Scaling(-0.5,  0.0, -0.5,  0.0,  0.0,  0.0,  0.5,  0.0), HERE),
}
ENTRY_OF_ONE: Final[Rows] = {          # std  mult lr_in l_out eps_i eps_o wd_in w_out
    Role.INPUT:            Row(Scaling( 0.0,  0.0,  0.0,  0.0,  0.0, -1.0,  0.0,  0.0), SCION),
    Role.VECTOR:           Row(Scaling( 0.0,  0.0,  0.0,  0.0,  0.0, -1.0,  0.0,  0.0), SCION),
    Role.SCALAR:           Row(Scaling( 0.0,  0.0,  0.0,  0.0,  0.0,  0.0,  0.0,  0.0), SCION),
    Role.QK_NORM_GAIN:     Row(Scaling( 0.0,  0.0,  0.0,  0.0,  0.0,  0.0,  0.0,  0.0), HERE),
    Role.FINAL_NORM:       Row(Scaling( 0.0,  0.0,  0.0,  0.0,  0.0, -1.0,  0.0,  0.0), SCION),
}
SIGNED_READOUT: Final[Rows] = {        # std  mult lr_in l_out eps_i eps_o wd_in w_out
    Role.OUTPUT:           Row(Scaling( 0.0, -1.0,  0.0,  0.0,  0.0,  0.0,  0.0,  0.0), SCION),
    Role.MOE_ROUTER:       Row(Scaling( 0.0, -1.0,  0.0,  0.0,  0.0,  0.0,  0.0,  0.0), HERE),
}
# No forward multiplier: the initial tensor and the step carry its 1/m.
SIGNED_OVER_FAN_IN: Final[Rows] = {    # std  mult lr_in l_out eps_i eps_o wd_in w_out
    Role.OUTPUT:           Row(Scaling(-1.0,  0.0, -1.0,  0.0,  0.0,  0.0,  1.0,  0.0), SCION),
    Role.MOE_ROUTER:       Row(Scaling(-1.0,  0.0, -1.0,  0.0,  0.0,  0.0,  1.0,  0.0), HERE),
}
MODULAR_READOUT: Final[Rows] = {       # std  mult lr_in l_out eps_i eps_o wd_in w_out
    Role.OUTPUT:           Row(Scaling(-1.0,  0.0, -0.5,  0.0,  0.5,  0.0,  0.5,  0.0), MODULAR),
    Role.MOE_ROUTER:       Row(Scaling(-1.0,  0.0, -0.5,  0.0,  0.5,  0.0,  0.5,  0.0), HERE),
}
# fmt: on


def _belonging(rows: Rows, roles: tuple[Role, ...], evidence: Evidence | None = None) -> Rows:
    """Rows of `roles`; a family gives its other roles to another of its norms."""
    other = Refusal(
        "this norm does not measure what such a tensor does",
        f"use this optimizer for {', '.join(roles)} and another of its family here",
        HERE,
    )
    kept = {role: rows[role] for role in roles}
    return {**dict.fromkeys(Role, other), **(labelled(kept, evidence) if evidence else kept)}


def _muon(basis: str, confidence: str, note: str = "") -> Rows:
    hidden = ORTHOGONAL[Role.HIDDEN]._replace(evidence=SPECTRAL.graded(basis, confidence, note))
    return {**ORTHOGONAL, Role.HIDDEN: hidden}


_VECTORS: Final = (Role.VECTOR, Role.SCALAR, Role.QK_NORM_GAIN, Role.FINAL_NORM)
_READOUTS: Final = (Role.OUTPUT, Role.MOE_ROUTER)
_NO_RATE: Final = "the rate of AdamW cannot be reused across widths"

TABLES: Final[Mapping[Optimizer, Rows]] = {
    Optimizer.MUON_SPECTRAL: _muon("TEV", "H"),
    Optimizer.MUON_ORIGINAL: _muon("TDV", "M", "its factor is clamped where fan-in > fan-out"),
    Optimizer.MUON_MATCH_RMS_ADAMW: _muon("DV", "M", _NO_RATE),
    Optimizer.MUON_BARE: _muon("TEV", "H"),
    Optimizer.SCION_COLUMN: _belonging(ENTRY_OF_ONE, (Role.INPUT,)),
    Optimizer.SCION_SPECTRAL: _belonging(ORTHOGONAL, (Role.INPUT, Role.HIDDEN), SCION),
    Optimizer.SCION_SPECTRAL_AT_LEAST_ONE: _belonging(ORTHOGONAL, (Role.INPUT,), SCION),
    Optimizer.SCION_SIGN: _belonging(SIGNED_READOUT, _READOUTS),
    Optimizer.SCION_SIGN_OVER_FAN_IN: _belonging(SIGNED_OVER_FAN_IN, _READOUTS),
    Optimizer.SCION_RMS: _belonging(ENTRY_OF_ONE, _VECTORS),
    Optimizer.MODULAR_MATRIX: _belonging(
        {**ORTHOGONAL, **MODULAR_READOUT}, (Role.INPUT, Role.HIDDEN, *_READOUTS), MODULAR
    ),
    Optimizer.MODULAR_EMBEDDING: _belonging(ENTRY_OF_ONE, (Role.INPUT,), MODULAR),
    Optimizer.MODULAR_VECTOR: _belonging(ENTRY_OF_ONE, _VECTORS, MODULAR),
}


def _spectral(fan_out: int, fan_in: int) -> float:
    return math.sqrt(fan_out / fan_in)


def _at_least_one(fan_out: int, fan_in: int) -> float:
    return math.sqrt(max(1, fan_out / fan_in))


def _longer_side(fan_out: int, fan_in: int) -> float:
    return math.sqrt(max(fan_out, fan_in))


def _over_fan_in(_fan_out: int, fan_in: int) -> float:
    return 1 / fan_in


BUILT_IN: Final[Mapping[Optimizer, Callable[[int, int], float]]] = {
    Optimizer.MUON_SPECTRAL: _spectral,
    Optimizer.MUON_ORIGINAL: _at_least_one,
    Optimizer.MUON_MATCH_RMS_ADAMW: _longer_side,
    Optimizer.SCION_SPECTRAL: _spectral,
    Optimizer.SCION_SPECTRAL_AT_LEAST_ONE: _at_least_one,
    Optimizer.SCION_SIGN_OVER_FAN_IN: _over_fan_in,
    Optimizer.MODULAR_MATRIX: _spectral,
}
"""What an optimizer multiplies its bare step by, up to a constant, from (fan_out, fan_in)."""
