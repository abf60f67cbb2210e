"""Records of trust in a recommendation: verdict, reasons, and each number's basis."""

from typing import Literal, TypeAlias

from parametrization.recommendation.record import Record
from parametrization.scaling.growth import AxisName

Verdict: TypeAlias = Literal["in_progress", "recommend", "caution", "abstain"]
"""`in_progress`: the study has not ended, so nothing is judged yet."""

Basis: TypeAlias = Literal["measured", "theory", "empirical", "extrapolated", "not_transferable"]
"""Basis of a transfer, the surest first."""

Origin: TypeAlias = Literal["fitted", "searched", "given"]


class Reason(Record):
    """One thing that speaks against trusting the recommendation."""

    topic: Literal[
        "optimum",
        "widths",
        "regret",
        "drift",
        "check",
        "noise",
        "wider_is_better",
        "proxy",
        "reach",
        "depth",
        "batch",
        "tokens",
        "stability",
        "state",
    ]
    severity: Literal["caution", "abstain"]
    words: str
    excess: float
    """Ratio to its threshold: the first reason of a severity is the weakest axis."""


class Axis(Record):
    """One axis between the proxies and the target."""

    name: AxisName
    proxy: int
    """The proxy's value."""
    target: int
    """The target's value."""
    basis: Basis
    """Basis of the transfer along it."""
    rule: str
    version: str
    source: str
    words: str
    beyond: float
    """Ratio of the target to the measured or tested range; 1 within it."""

    @property
    def moves(self) -> bool:
        """True if target and proxies differ along the axis."""
        return self.proxy != self.target


class TrainingValue(Record):
    """A field of training that was searched: a share of training, a shape, a limit of clipping."""

    name: str
    """As `search.training` calls it; `numbers.NAME` for a number of the schedule's shape."""
    value: float | str | None
    """Null where nothing is clipped or averaged."""
    origin: Origin
    """`searched`: the best search trial's. `given`: by the study."""
    words: str
    """Origin of the value in words."""


class HyperparameterValue(Record):
    """One hyperparameter at the base: the base width, and the proxies' depth, batch and tokens."""

    name: str
    value: float
    origin: Origin
    """`fitted`: to many trials. `searched`: the best search trial's. `given`: by the study."""
    basis: Basis
    """Basis of its transfer to the target."""
    words: str
    """Effect of the rules in force, by optimizer where several train the model."""
    source: str
    """Source of the rules that the words name."""
    version: str
    """Of the rules."""
