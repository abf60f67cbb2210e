"""Rules of the hyperparameters that belong to no tensor."""

from typing import Final, NamedTuple

from parametrization.rules.row import Evidence
from parametrization.rules.sources import HERE, TP5_OTHERS


class NonTensorRow(NamedTuple):
    hyperparameter: str
    rule: str
    evidence: Evidence


_APP_E: Final = Evidence("TP V App. E.1", "Yang et al. 2022, arXiv:2203.03466, App. E.1", "E", "M")
_FIG_4: Final = Evidence(
    "TP V Fig. 4", "Yang et al. 2022, arXiv:2203.03466, Figs 4, 17, 19", "E", "M"
)

CONSTANT_MEMORIES: Final = NonTensorRow(
    "betas and momentum", "constant in width and depth", TP5_OTHERS.graded("T", "H")
)
REGULARISERS: Final = NonTensorRow(
    "dropout, label smoothing, strength of weight decay on other data",
    "do not transfer: tune them at the target",
    _APP_E,
)
NON_TENSOR_ROWS: Final = (
    NonTensorRow(
        "gradient clip norm",
        "constant in width with the readout's multiplier, and only for wide models; no rule without"
        " the multiplier",
        TP5_OTHERS.graded("TV", "M"),
    ),
    NonTensorRow(
        "gradient clip percentile",
        "constant: the norms before an update set the scale",
        HERE.graded("D", "L"),
    ),
    NonTensorRow(
        "gradient clip value",
        "does not transfer with width: entries of a gradient shrink like 1/m and fewer are clipped",
        TP5_OTHERS.graded("D", "L"),
    ),
    CONSTANT_MEMORIES,
    NonTensorRow(
        "attention scale",
        "1/head size, times sqrt(head size at the base); unchanged where the head size is fixed",
        TP5_OTHERS.graded("TE", "H"),
    ),
    NonTensorRow(
        "warm-up and decay",
        "constant as fractions of training, as factors of the peak rate",
        _FIG_4,
    ),
    NonTensorRow("decay of averaged weights", "to the power kB/kD", HERE.graded("D", "L")),
    REGULARISERS,
)
