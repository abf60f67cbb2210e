"""Rules that the literature disagrees on, as named choices with a default and a version.

Each choice is a row with its source (`policy_sources.py`); what it does to a tensor stands in
`policy_numbers.py`, `depth.py` and `horizon.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar

from parametrization.rules.depth import DepthRule, effective_alpha
from parametrization.rules.horizon import HorizonRule
from parametrization.rules.policy_numbers import (
    EmbeddingRateRule,
    EpsilonRule,
    FixedKvInitRule,
    SoapWidthRule,
    VectorDecayRule,
    WeightDecayRule,
)
from parametrization.rules.policy_sources import CHOICES


@dataclass(frozen=True, slots=True)
class Policies:
    """One named choice for every disputed rule; docs/rules.md describes each with its source."""

    # Read where studies are submitted; the library itself does without pydantic.
    __pydantic_config__: ClassVar[Mapping[str, Any]] = {
        "extra": "forbid",
        "allow_inf_nan": False,
        "use_attribute_docstrings": True,
    }

    weight_decay_rule: WeightDecayRule = WeightDecayRule.WD_A
    """Over width and depth: `wd-a` keeps learning rate times decay."""
    vector_decay_rule: VectorDecayRule = VectorDecayRule.DECAYED
    """Of gains and biases, tensors without a fan-in: `exempt` leaves them without weight decay."""
    embedding_lr_rule: EmbeddingRateRule = EmbeddingRateRule.CONSTANT
    """`sqrt` lowers the rate of lookup tables by 1/sqrt(width): for large vocabularies."""
    epsilon_rule: EpsilonRule = EpsilonRule.GRADIENT
    """`gradient` scales epsilon like the gradient, in width and depth."""
    depth_rule: DepthRule = DepthRule.COMPLETEP
    """For targets that are deeper than the proxies, where the family has residual blocks."""
    horizon_rule: HorizonRule = HorizonRule.COMPLETE_D
    """For targets that train on other batches or for longer than the proxies."""
    soap_width_rule: SoapWidthRule = SoapWidthRule.EMPIRICAL
    """SOAP's rates over width."""
    fixed_kv_init_rule: FixedKvInitRule = FixedKvInitRule.FAN_IN
    """Initial size of a fixed number of key and value heads."""
    alpha: float = field(default=1.0, metadata={"ge": 0.5, "le": 1})
    """Of `depth_rule` completep: branches are multiplied by depth ** -alpha."""

    def __post_init__(self) -> None:
        """Take choices by their names too; refuse unknown ones and an untested alpha."""
        for name, choices in CHOICES.items():
            value = getattr(self, name)
            if value not in choices:
                raise ValueError(f"{name} must be one of {', '.join(choices)}, got {value!r}")
            object.__setattr__(self, name, next(c for c in choices if c == value))
        if not 0.5 <= self.alpha <= 1:
            raise ValueError(f"alpha must be in [0.5, 1], got {self.alpha}")

    @property
    def residual_alpha(self) -> float:
        """Residual branches are multiplied by mL to minus this."""
        return effective_alpha(self.depth_rule, self.alpha)

    @property
    def choices(self) -> dict[str, StrEnum]:
        """The chosen rules by field."""
        return {name: getattr(self, name) for name in CHOICES}
