"""The version of the rules: changes with every number and with every choice of a policy."""

import hashlib
from typing import Final

from parametrization.optimizers.lookup import HYPERPARAMETER_ROWS, WIDTH_ROWS
from parametrization.optimizers.registry import BUILT_IN
from parametrization.rules.depth import DEPTH_ROWS
from parametrization.rules.policies import Policies
from parametrization.rules.policy_numbers import (
    EMBEDDING_RATE_EXPONENT,
    FIXED_KV_INIT_EXPONENT,
    WEIGHT_DECAY_ROWS,
)
from parametrization.rules.policy_sources import CHOICES
from parametrization.rules.row import Row, Rows
from parametrization.rules.width.standard import STANDARD


def rules_version(policies: Policies) -> str:
    """The version that an answer under these policies quotes."""
    chosen = [
        f"{name}={value}@{CHOICES[name][value].version}" for name, value in policies.choices.items()
    ]
    return f"rules-{_digest((TABLES_DIGEST, policies.residual_alpha, *chosen))}"


def _digest(parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]


def _numbers() -> list[str]:
    """Every number that a scaling can come from, without sources, words and plugins."""
    return [
        *_exponents("standard", STANDARD),
        *(line for name in sorted(BUILT_IN) for line in _numbers_of(name)),
        *(
            repr((str(rule), degree, *row[:3]))
            for rule, rows in DEPTH_ROWS.items()
            for degree, row in rows.items()
        ),
        repr(sorted(WEIGHT_DECAY_ROWS.items())),
        repr(sorted(EMBEDDING_RATE_EXPONENT.items())),
        repr(sorted(FIXED_KV_INIT_EXPONENT.items())),
    ]


def _numbers_of(name: str) -> list[str]:
    """Numbers of one built-in optimizer's rules, as text."""
    declaration, policy_rows = BUILT_IN[name], BUILT_IN[name].policy_rows
    return [
        *_exponents(name, WIDTH_ROWS[name]),
        *(
            line
            for choice, rows in (policy_rows.by_choice if policy_rows else {}).items()
            for line in _exponents(f"{name} {choice}", rows)
        ),
        *(
            repr((name, hyperparameter, sorted(row.exponents.items()), *row[2:]))
            for (optimizer, hyperparameter), row in sorted(HYPERPARAMETER_ROWS.items())
            if optimizer == name
        ),
        *(repr((name, str(rule), *row[:6])) for rule, row in sorted(declaration.horizon.items())),
    ]


def _exponents(name: str, rows: Rows) -> list[str]:
    return [
        repr((name, str(role), *row.scaling))
        for role, row in sorted(rows.items())
        if isinstance(row, Row)
    ]


TABLES_DIGEST: Final = _digest(_numbers())
"""Of every number in the tables; pinned in a test, so that a change of one is seen."""
