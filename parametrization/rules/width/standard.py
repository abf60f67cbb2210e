"""The standard parametrization: one rate everywhere, torch-like 1/sqrt(fan_in) initial tensors.

By construction equal to muP at the base width, as is its variant whose embedding is trained at a
rate of its own.
"""

from typing import Final

from parametrization.rules.row import Evidence, Row, Rows, Scaling
from parametrization.shapes.roles import Role

STANDARD_EVIDENCE: Final = Evidence("standard", "the practice without width rules", "", "")
EMBEDDING_EVIDENCE: Final = Evidence(
    "standard, embedding as under muP", "Kalra & Barkeshli 2026, arXiv:2605.21486", "E", "M"
)

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


def embedding_row(input_row: Row, hidden_row: Row) -> Row:
    """The standard row of an embedding whose rate is muP's in units of the hidden matrices' rate.

    Args:
        input_row: of muP, for the optimizer that trains all of the model.
        hidden_row: likewise.

    """
    ours, theirs = input_row.scaling, hidden_row.scaling
    standard = STANDARD[Role.INPUT]
    assert isinstance(standard, Row)
    exponent = ours.lr_out - (theirs.lr_in + theirs.lr_out)
    scaling = standard.scaling._replace(lr_out=exponent, wd_out=-exponent)
    return Row(scaling, EMBEDDING_EVIDENCE)
