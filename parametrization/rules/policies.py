"""Rules that the literature disagrees on, as named choices with a default and a version.

Each choice is a row with its source (`policy_choices.py`); what it does to a tensor stands in
`policy_rows.py`, `depth.py` and `horizon.py`.
"""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from parametrization.optimizers.names import PLUGINS
from parametrization.rules.depth import DEPTH_ROWS, DepthRule, effective_alpha
from parametrization.rules.horizon import HORIZON_ROWS, HorizonRule
from parametrization.rules.lookup import WIDTH_RULES
from parametrization.rules.policy_numbers import (
    EMBEDDING_RATE_EXPONENT,
    FIXED_KV_INIT_EXPONENT,
    WEIGHT_DECAY_ROWS,
    EmbeddingRateRule,
    EpsilonRule,
    FixedKvInitRule,
    SoapWidthRule,
    WeightDecayRule,
)
from parametrization.rules.policy_sources import CHOICES
from parametrization.rules.width.other_hyperparameters import OTHER_HYPERPARAMETERS
from parametrization.rules.width.preconditioned import SOAP_PUBLISHED


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

    @property
    def rules_version(self) -> str:
        """Changes with every number of the rules and with every choice of a policy."""
        chosen = [
            f"{name}={value}@{CHOICES[name][value].version}" for name, value in self.choices.items()
        ]
        return f"rules-{_digest((TABLES_DIGEST, self.residual_alpha, *chosen))}"


def _digest(parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]


def _numbers() -> list[str]:
    """Every number that a scaling can come from, without sources, words and plugins."""
    others = PLUGINS.usable
    return [
        *(
            repr((*map(str, key), *row))
            for key, row in sorted(WIDTH_RULES.items())
            if key[1] not in others
        ),
        *(
            repr((*map(str, key), sorted(row.exponents.items()), *row[1:4]))
            for key, row in sorted(OTHER_HYPERPARAMETERS.items())
            if key[0] not in others
        ),
        *(
            repr((str(rule), degree, *row[:3]))
            for rule, rows in DEPTH_ROWS.items()
            for degree, row in rows.items()
        ),
        *(
            repr((str(rule), str(optimizer), *row[:6]))
            for rule, rows in HORIZON_ROWS.items()
            for optimizer, row in rows.items()
            if optimizer not in others
        ),
        repr(sorted(WEIGHT_DECAY_ROWS.items())),
        repr(sorted(EMBEDDING_RATE_EXPONENT.items())),
        repr(sorted(FIXED_KV_INIT_EXPONENT.items())),
        repr([(str(role), *row[:1]) for role, row in SOAP_PUBLISHED.items()]),
    ]


TABLES_DIGEST: Final = _digest(_numbers())
"""Of every number in the tables; pinned in a test, so that a change of one is seen."""
