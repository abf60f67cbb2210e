"""Rules that the literature disagrees on, as named choices with a default and a version.

Each choice is a row with its source (`policy_sources.py`); what it does to a tensor stands in
`policy_numbers.py`, `depth.py` and `horizon.py`.
"""

from dataclasses import dataclass
from enum import StrEnum

from parametrization.rules.depth import DepthRule, effective_alpha
from parametrization.rules.horizon import HorizonRule
from parametrization.rules.policy_numbers import (
    EmbeddingRateRule,
    EpsilonRule,
    FixedKvInitRule,
    SoapWidthRule,
    WeightDecayRule,
)
from parametrization.rules.policy_sources import CHOICES


@dataclass(frozen=True, slots=True)
class Policies:
    """One choice for every rule that is disputed.

    Attributes:
        alpha: of CompleteP, in [1/2, 1]; read by that rule alone.

    """

    weight_decay_rule: WeightDecayRule = WeightDecayRule.WD_A
    embedding_lr_rule: EmbeddingRateRule = EmbeddingRateRule.CONSTANT
    epsilon_rule: EpsilonRule = EpsilonRule.GRADIENT
    depth_rule: DepthRule = DepthRule.COMPLETEP
    horizon_rule: HorizonRule = HorizonRule.COMPLETE_D
    soap_width_rule: SoapWidthRule = SoapWidthRule.EMPIRICAL
    fixed_kv_init_rule: FixedKvInitRule = FixedKvInitRule.FAN_IN
    alpha: float = 1.0

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
        """What is chosen, by field."""
        return {name: getattr(self, name) for name in CHOICES}
