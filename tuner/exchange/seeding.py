"""Begin a search where another study ended: points around its optimum, to be trained first."""

from collections.abc import Iterator
from typing import Final

from parametrization.rules.parametrization import Parametrization
from tuner.evidence.study_evidence import EvidenceSummary, OptimizerEvidence
from tuner.exchange.fitting import misfits
from tuner.records.given_points import NewPoint
from tuner.spec.optimizers.records import OptimizerConfig
from tuner.spec.study import StudySpec

NEIGHBOUR: Final = 2.0
"""Ratio of the rates on either side of the optimum."""
_RATE: Final = "learning_rate"


def seeds_of(
    spec: StudySpec, prior_id: str, prior: StudySpec, known: EvidenceSummary
) -> tuple[NewPoint, ...]:
    """Points that the prior's answer gives to the searches of a study, the likeliest first.

    For every optimizer that both tune: the best rate of the prior's proxies and one on either side,
    with what else it found. Between base widths that differ, a rate at the base of tensors that
    follow the width is another one: the sides then are where either kind of tensor keeps its own.

    Args:
        known: the evidence of the prior.

    """
    names = {config.name for config in prior.optimizers}
    return tuple(
        point
        for config in spec.optimizers
        if config.name in names and _RATE in config.searched
        for point in _points(spec, prior_id, prior, known.about(config.name), config)
    )


def _points(
    spec: StudySpec,
    prior_id: str,
    prior: StudySpec,
    found: OptimizerEvidence,
    config: OptimizerConfig,
) -> Iterator[NewPoint]:
    rate = _best_rate(prior, found)
    if rate is None or found.winner is None:
        return
    others = {
        name: value
        for name, value in found.winner.hyperparameters.items()
        if name in config.searched and name != _RATE
    }
    source = f"study {prior_id}, around its optimum"
    for factor in _factors(prior.base_width / spec.base_width):
        params = {_RATE: rate * factor, **others}
        fitting = {
            name: params[name] for name in params if not misfits(config, {name: params[name]})
        }
        whole = fitting.keys() >= config.searched.keys() or spec.search.sampler != "grid"
        if _RATE in fitting and whole:
            yield NewPoint(optimizer=config.name, params=fitting, value=None, source=source)


def _best_rate(prior: StudySpec, found: OptimizerEvidence) -> float | None:
    """The fitted one of the prior's proxies; the best one tried where none is fitted."""
    transfer = found.transfer_under(Parametrization.MUP)
    optima = transfer.optima if transfer is not None else ()
    rates = [at.optimum.log2_learning_rate for at in optima if at.width == prior.proxy_width]
    if rates and rates[0] is not None:
        return float(2.0 ** rates[0])
    return None if found.winner is None else found.winner.hyperparameters[_RATE]


def _factors(base_ratio: float) -> tuple[float, float, float]:
    """Factors on the prior's rate, the likeliest first.

    >>> _factors(1.0), _factors(0.25)
    ((1.0, 0.5, 2.0), (0.5, 1.0, 0.25))
    """
    if base_ratio == 1:
        return 1.0, 1 / NEIGHBOUR, NEIGHBOUR
    return base_ratio**0.5, 1.0, base_ratio
