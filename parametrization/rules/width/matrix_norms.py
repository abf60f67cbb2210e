"""Width rules of steps that have norm 1 in a matrix norm: Muon, Scion and the modular norm.

The rows are those of the bare step; the growth of the factor that an optimizer multiplies it by
is divided out of the rate and multiplied into the decay. With sqrt(fan_out / fan_in) nothing is
left to scale: that is what the factor is for.
"""

import math
from typing import Final

from parametrization.rules.row import Evidence, Refusal, Row, Rows, Scaling, labelled
from parametrization.rules.sources import HERE, SCION, SPECTRAL
from parametrization.shapes.roles import Role

_ELSEWHERE: Final = HERE.graded("DV", "M", "usually trained by adamw, at a rate of its own")
VECTORS: Final = (Role.VECTOR, Role.SCALAR, Role.QK_NORM_GAIN, Role.FINAL_NORM)
READOUTS: Final = (Role.OUTPUT, Role.MOE_ROUTER)
NO_VECTORS: Final[Rows] = dict.fromkeys(
    VECTORS,
    Refusal(
        "its step is a matrix and this tensor is not one",
        "train it with a companion such as adamw, at a base learning rate of its own",
        HERE,
    ),
)
"""Part of a table of steps that are matrices."""

# fmt: off
ORTHOGONAL: Final[Rows] = {            # std  mult lr_in l_out eps_i eps_o wd_in w_out
    Role.INPUT:            Row(Scaling( 0.0,  0.0,  0.0,  0.5,  0.0, -0.5,  0.0, -0.5), _ELSEWHERE),
    Role.HIDDEN:           Row(Scaling(-0.5,  0.0, -0.5,  0.5,  0.5, -0.5,  0.5, -0.5), SPECTRAL),
    Role.OUTPUT:           Row(Scaling( 0.0, -1.0,  0.5,  0.0, -0.5,  0.0, -0.5,  0.0), _ELSEWHERE),
    **NO_VECTORS,
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
# fmt: on


def belonging(rows: Rows, roles: tuple[Role, ...], evidence: Evidence | None = None) -> Rows:
    """Rows of `roles`; a family gives its other roles to another of its norms."""
    other = Refusal(
        "this norm does not measure what such a tensor does",
        f"use this optimizer for {', '.join(roles)} and another of its family here",
        HERE,
    )
    kept = {role: rows[role] for role in roles}
    return {**dict.fromkeys(Role, other), **(labelled(kept, evidence) if evidence else kept)}


def spectral_factor(fan_out: int, fan_in: int) -> float:
    """Factor with which an orthogonal step changes outputs by RMS 1 per RMS 1 of input."""
    return math.sqrt(fan_out / fan_in)
