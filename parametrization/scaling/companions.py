"""Optimizers that lead a companion, from one flat set of hyperparameters.

A trial's hyperparameters are one flat mapping, whatever trains it. Where a matrix optimizer leads,
the mapping holds its own numbers, `learning_rate_ratio`, and those of the AdamW that trains all
other tensors, as `companion_beta1` and so on.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from parametrization.optimizers.assignment import Assignment
from parametrization.optimizers.declaration import Hyperparameter, Range
from parametrization.optimizers.hyperparameters import EVERYWHERE, RATE_MULTIPLIERS, names_of
from parametrization.optimizers.registry import declared

RATIO: Final = "learning_rate_ratio"
"""Rate of the companion over that of the lead, both at the base width."""
PREFIX: Final = "companion_"
OPTIONAL: Final = RATE_MULTIPLIERS.keys() | {RATIO}
"""Names of a flat mapping that are 1 where they are missing."""
_RATIO_WORDS: Final = "Rate of the tensors that the optimizer does not train itself, over its own."
_COMPANION_WORDS: Final = {"weight_decay": "Of the AdamW on everything but hidden matrices."}


def assignment_of(lead: str) -> Assignment:
    """The optimizer of every role in a study that names `lead`."""
    return declared(lead).assignment


def companion_of(lead: str) -> str | None:
    """The optimizer that runs at the lead's rate times `RATIO`; None unless there is one alone."""
    others = sorted(assignment_of(lead).optimizers - {lead})
    return others[0] if len(others) == 1 else None


def flat_hyperparameters(lead: str) -> dict[str, Hyperparameter]:
    """Hyperparameters beside those of all optimizers: the lead's own and its companion's."""
    declaration = declared(lead)
    own, assignment = dict(declaration.hyperparameters), declaration.companions
    if assignment is None:
        return own
    default = assignment.learning_rate_ratio
    own[RATIO] = Hyperparameter(default=default, range=Range.POSITIVE, words=_RATIO_WORDS)
    beside = declared(assignment.companion).hyperparameters if assignment.companion else {}
    return own | {
        PREFIX + name: replace(given, words=_COMPANION_WORDS.get(name, ""))
        for name, given in beside.items()
    }


def flat_defaults(lead: str) -> dict[str, float]:
    """Defaults of all hyperparameters that a trial of this optimizer is configured by."""
    return {name: given.default for name, given in flat_hyperparameters(lead).items()}


def flat_names(lead: str) -> frozenset[str]:
    """Everything that a trial of this optimizer is configured by; `OPTIONAL` may be missing."""
    return EVERYWHERE | flat_hyperparameters(lead).keys() | RATE_MULTIPLIERS.keys()


def own_name(lead: str, name: str, optimizer: str) -> str | None:
    """A companion's own name for a hyperparameter of the flat mapping; None if it has none.

    >>> own_name("muon_spectral", "companion_epsilon", "adamw")
    'epsilon'
    >>> own_name("muon_spectral", "epsilon", "adamw")
    """
    companion = assignment_of(lead).companion
    if companion is not None and name not in EVERYWHERE:
        if name.startswith(PREFIX):
            return name.removeprefix(PREFIX) if optimizer == companion else None
        if optimizer != lead:
            return None
    return name if name in names_of(optimizer) else None


def by_optimizer(lead: str, hyperparameters: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """The flat mapping taken apart: the numbers of the lead and of what it leads.

    Companions of the lead's own kind (Scion's, the modular norm's, or SGD beside LARS) share those
    of its numbers that they take, at their own rate.

    Raises:
        ValueError: if a hyperparameter of a companion is missing or unknown, or the ratio is not
            positive. The lead's own are left to the scaling to check.

    >>> flat = dict.fromkeys(flat_names("muon_spectral"), 0.5)
    >>> flat |= {"learning_rate": 0.02, "learning_rate_ratio": 0.1}
    >>> round(by_optimizer("muon_spectral", flat)["adamw"]["learning_rate"], 6)
    0.002

    """
    assignment = declared(lead).companions
    if assignment is None:
        return {lead: dict(hyperparameters)}
    _refuse_other_names(lead, hyperparameters)
    ratio = hyperparameters.get(RATIO, 1.0)
    if not ratio > 0:
        raise ValueError(f"{RATIO} must be positive, got {ratio}")
    factors = {name: hyperparameters[name] for name in RATE_MULTIPLIERS if name in hyperparameters}
    own = {name: hyperparameters[name] for name in sorted(names_of(lead))} | factors
    rate = {"learning_rate": own["learning_rate"] * ratio}
    if assignment.companion is None:
        return {lead: own} | {
            name: {key: own[key] for key in own if key in _taken_by(name)} | rate
            for name in sorted(assignment.optimizers - {lead})
            if names_of(name) <= own.keys()
        }
    prefixed = {
        name: own[name] if name in EVERYWHERE else hyperparameters[PREFIX + name]
        for name in sorted(names_of(assignment.companion))
    }
    return {lead: own, assignment.companion: prefixed | rate | factors}


def _refuse_other_names(lead: str, hyperparameters: Mapping[str, float]) -> None:
    known = flat_names(lead)
    if missing := sorted(known - hyperparameters.keys() - OPTIONAL):
        raise ValueError(f"{lead} needs {', '.join(missing)}")
    if unknown := sorted(hyperparameters.keys() - known):
        raise ValueError(
            f"{lead} does not know {', '.join(unknown)}: it takes {', '.join(sorted(known))}"
        )


def _taken_by(optimizer: str) -> frozenset[str]:
    return names_of(optimizer) | RATE_MULTIPLIERS.keys()
