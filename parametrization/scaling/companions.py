"""Optimizers that lead a companion, from one flat set of hyperparameters.

A trial's hyperparameters are one flat mapping, whatever trains it. Where a matrix optimizer leads,
the mapping holds its own numbers, `learning_rate_ratio`, and those of the AdamW that trains all
other tensors, as `companion_beta1` and so on.
"""

from collections.abc import Mapping
from typing import Final

from parametrization.optimizers.assignment import (
    LARS,
    MODULAR_NORM,
    SCION,
    Assignment,
    everywhere,
    linear_maps_with,
    matrices_with,
)
from parametrization.optimizers.hyperparameters import EVERYWHERE, HYPERPARAMETERS, RATE_MULTIPLIERS
from parametrization.rules.lookup import Optimizer, Parametrization
from parametrization.rules.policies import Policies
from parametrization.scaling.mixed_model import scale_mixed_model
from parametrization.scaling.tensor_scaling import DEFAULT_POLICIES, TensorScaling, scale_model
from parametrization.shapes.roles import ModelShape

RATIO: Final = "learning_rate_ratio"
"""Rate of the companion over that of the lead, both at the base width."""
PREFIX: Final = "companion_"
COMPANION: Final = Optimizer.ADAMW
OPTIONAL: Final = RATE_MULTIPLIERS.keys() | {RATIO}
"""Names of a flat mapping that are 1 where they are missing."""

MATRIX_OPTIMIZERS: Final = (
    Optimizer.MUON_SPECTRAL,
    Optimizer.MUON_ORIGINAL,
    Optimizer.MUON_MATCH_RMS_ADAMW,
    Optimizer.SHAMPOO_QUARTER,
    Optimizer.SHAMPOO_HALF,
    Optimizer.SHAMPOO_GRAFTED,
    Optimizer.SOAP,
    Optimizer.KFAC,
    Optimizer.EKFAC,
)
"""They train hidden matrices, or every linear map; everything else is trained by `COMPANION`."""

_ASSIGNMENTS: Final[Mapping[Optimizer, Assignment]] = {
    **{lead: matrices_with(lead, COMPANION) for lead in MATRIX_OPTIMIZERS},
    **{lead: linear_maps_with(lead, COMPANION) for lead in (Optimizer.KFAC, Optimizer.EKFAC)},
    Optimizer.SCION_SPECTRAL: SCION,
    Optimizer.MODULAR_MATRIX: MODULAR_NORM,
    Optimizer.LARS: LARS,
}


def assignment_of(lead: Optimizer) -> Assignment:
    """Which optimizer trains which role where `lead` is named."""
    return _ASSIGNMENTS.get(lead) or everywhere(lead)


def companion_of(lead: Optimizer) -> Optimizer | None:
    """The optimizer that runs at the lead's rate times `RATIO`; None unless there is one alone."""
    others = sorted(assignment_of(lead).optimizers - {lead})
    return Optimizer(others[0]) if len(others) == 1 else None


def flat_names(lead: Optimizer) -> frozenset[str]:
    """Everything that a trial of this optimizer is configured by; `OPTIONAL` may be missing."""
    names = HYPERPARAMETERS[lead] | RATE_MULTIPLIERS.keys()
    if lead not in _ASSIGNMENTS:
        return names
    names |= {RATIO}
    if lead in MATRIX_OPTIMIZERS:
        names |= {PREFIX + name for name in HYPERPARAMETERS[COMPANION] - EVERYWHERE}
    return names


def own_name(lead: Optimizer, name: str, optimizer: Optimizer) -> str | None:
    """What an optimizer beside the lead calls a hyperparameter of the flat mapping; None if not so.

    >>> own_name(Optimizer.MUON_SPECTRAL, "companion_epsilon", Optimizer.ADAMW)
    'epsilon'
    >>> own_name(Optimizer.MUON_SPECTRAL, "epsilon", Optimizer.ADAMW)
    """
    if lead in MATRIX_OPTIMIZERS and name not in EVERYWHERE:
        if name.startswith(PREFIX):
            return name.removeprefix(PREFIX) if optimizer is COMPANION else None
        if optimizer is not lead:
            return None
    return name if name in HYPERPARAMETERS[optimizer] else None


def by_optimizer(
    lead: Optimizer, hyperparameters: Mapping[str, float]
) -> dict[Optimizer, dict[str, float]]:
    """The flat mapping taken apart: the numbers of the lead and of what it leads.

    Companions of the lead's own kind (Scion's, the modular norm's, or SGD beside LARS) share those
    of its numbers that they take, at their own rate.

    Raises:
        ValueError: if a hyperparameter of a companion is missing or unknown, or the ratio is not
            positive. The lead's own are left to the scaling to check.

    >>> flat = dict.fromkeys(flat_names(Optimizer.MUON_SPECTRAL), 0.5)
    >>> flat |= {"learning_rate": 0.02, "learning_rate_ratio": 0.1}
    >>> round(by_optimizer(Optimizer.MUON_SPECTRAL, flat)[Optimizer.ADAMW]["learning_rate"], 6)
    0.002

    """
    if lead not in _ASSIGNMENTS:
        return {lead: dict(hyperparameters)}
    known = flat_names(lead)
    if missing := sorted(known - hyperparameters.keys() - OPTIONAL):
        raise ValueError(f"{lead} needs {', '.join(missing)}")
    if unknown := sorted(hyperparameters.keys() - known):
        raise ValueError(
            f"{lead} does not know {', '.join(unknown)}: it takes {', '.join(sorted(known))}"
        )
    ratio = hyperparameters.get(RATIO, 1.0)
    if not ratio > 0:
        raise ValueError(f"{RATIO} must be positive, got {ratio}")
    factors = {name: hyperparameters[name] for name in RATE_MULTIPLIERS if name in hyperparameters}
    own = {name: hyperparameters[name] for name in sorted(HYPERPARAMETERS[lead])} | factors
    rate = {"learning_rate": own["learning_rate"] * ratio}
    companions = {Optimizer(name) for name in _ASSIGNMENTS[lead].optimizers if name != lead}
    if lead not in MATRIX_OPTIMIZERS:
        return {lead: own} | {
            name: {key: own[key] for key in own if key in _taken_by(name)} | rate
            for name in companions
            if name is not COMPANION
        }
    prefixed = {
        name: own[name] if name in EVERYWHERE else hyperparameters[PREFIX + name]
        for name in sorted(HYPERPARAMETERS[COMPANION])
    }
    return {lead: own, COMPANION: prefixed | rate | factors}


def _taken_by(optimizer: Optimizer) -> frozenset[str]:
    return HYPERPARAMETERS[optimizer] | RATE_MULTIPLIERS.keys()


def scale_led_model(  # noqa: PLR0913  # one keyword per axis, all with a default
    shape: ModelShape,
    *,
    optimizer: Optimizer,
    parametrization: Parametrization,
    hyperparameters: Mapping[str, float],
    width: int,
    policies: Policies = DEFAULT_POLICIES,
    depth_mult: float = 1.0,
    batch_mult: float = 1.0,
    token_mult: float = 1.0,
) -> tuple[TensorScaling, ...]:
    """Every tensor at `width`, from a flat mapping: as `scale_model`, or with a companion.

    Raises:
        ValueError: as `scale_model` and `by_optimizer`.

    """
    if optimizer not in _ASSIGNMENTS:
        return scale_model(
            shape,
            optimizer=optimizer,
            parametrization=parametrization,
            hyperparameters=hyperparameters,
            width=width,
            policies=policies,
            depth_mult=depth_mult,
            batch_mult=batch_mult,
            token_mult=token_mult,
        )
    return scale_mixed_model(
        shape,
        assignment=_ASSIGNMENTS[optimizer],
        parametrization=parametrization,
        hyperparameters=by_optimizer(optimizer, hyperparameters),
        width=width,
        policies=policies,
        depth_mult=depth_mult,
        batch_mult=batch_mult,
        token_mult=token_mult,
    )
