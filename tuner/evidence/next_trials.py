"""Choose the learning rates that a measurement tries next, and decide when it has tried enough.

A measurement goes in waves: nothing is decided before every trial of the last one has ended. The
narrow widths come first, around the search's winner; the widest is measured around their optima.
After that each wave goes to the width where it removes most of the target's uncertainty for its
cost, until the promise is kept. Rates are log2(learning rate), distances on that axis are octaves.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from parametrization.recommendation.document import StoppedBy
from parametrization.recommendation.evidence import WidthOptimum
from parametrization.transfer.drift import drift, error_of, rate_of
from parametrization.transfer.grid import (
    EXTENSION_POINTS,
    MAX_EXTENSIONS,
    extension,
    log2_grid,
    optimum_edge,
)
from parametrization.transfer.law import SEARCH_OCTAVES
from parametrization.transfer.optimum import fit_optimum
from parametrization.transfer.prediction import predict
from parametrization.transfer.reasons import DRIFT_OCTAVES
from parametrization.transfer.summary import Transfer, transfer_to

FIRST_RATES: Final = 5
"""First rates of a width, a step apart: two octaves on either side with the usual factor of 2."""
AROUND_STEPS: Final = (-1.5, -0.5, 0.5, 1.5)
"""Rates of later waves, in steps from the optimum: off the middle, where a curve is flat and a
trial hardly helps to locate its minimum."""
LEAST_GAIN: Final = 0.06
"""Share of the target's standard error that a wave has to remove to be worth its cost."""
SURE_SHARE: Final = 1 / 3
"""Share of a promise that one seed has to reach, as it does not show how much seeds differ."""
MOST_SEEDS: Final = 16
"""Largest number of seeds at one width."""
_NUDGE_OCTAVES: Final = 0.01


class Outcome(NamedTuple):
    """One trial of a width."""

    log2_rate: float
    seed: int
    """Counted from 0."""
    loss: float | None
    """None if it diverged."""
    has_result: bool = True
    """False if its worker was lost: it was asked for, and has no loss for its rate."""


class Due(NamedTuple):
    """One trial to ask for."""

    width: int
    log2_rate: float
    seed: int


class Promise(NamedTuple):
    """Widths and target of a measurement, its goal and its limits."""

    widths: tuple[int, ...]
    """Narrowest first; two or more."""
    costs: tuple[float, ...]
    """Cost of one trial at each width, in any unit."""
    target: int
    grid_factor: float
    """Ratio of the first neighbouring rates."""
    interval_octaves: float | None
    """Width of the target's interval that is narrow enough; None if that is no goal."""
    regret_percent: float | None
    """Predicted regret that is low enough; None if that is no goal."""
    most_cost: float
    """Limit on the cost of all trials but the first ones, which are run in any case."""
    most_in_all: float = math.inf
    """Limit on the cost of all trials, the first ones included."""

    def cost(self, width: int) -> float:
        """Cost of one trial at a width."""
        return self.costs[self.widths.index(width)]


class Wave(NamedTuple):
    """Trials to ask for; none once the measurement has stopped."""

    trials: tuple[Due, ...] = ()
    stopped_by: StoppedBy | None = None


Outcomes: TypeAlias = Mapping[int, Sequence[Outcome]]
"""By width; all of them have ended."""


def next_wave(promise: Promise, winner: float, outcomes: Outcomes) -> Wave:
    """The next trials of a measurement, or why there are none.

    Args:
        promise: widths and target of the measurement, its goal and its limits.
        winner: log2(learning rate) of the best trial of the search.
        outcomes: of all trials that were asked for, which have all ended.

    """
    wave = _wished(promise, winner, outcomes)
    if _spent(promise, outcomes) + _cost(promise, wave.trials) > promise.most_in_all:
        return Wave(stopped_by=wave.stopped_by or "budget")
    return wave


def _wished(promise: Promise, winner: float, outcomes: Outcomes) -> Wave:
    """The next wave, without regard to `most_in_all`."""
    *narrow, widest = promise.widths
    begun = {width for width in promise.widths if outcomes.get(width)}
    if first := [width for width in narrow if width not in begun]:
        return Wave(tuple(due for width in first for due in _first(promise, width, winner)))
    beyond = tuple(_beyond_edges(promise, outcomes))
    kept_back = 0.0 if widest in begun else FIRST_RATES * promise.costs[-1]
    left = promise.most_cost - _spent(promise, outcomes) - kept_back
    if beyond and _cost(promise, beyond) <= left:
        return Wave(beyond)
    optima = _optima(outcomes)
    if widest not in begun:
        expected = predict(optima, widest)
        centre = winner if expected is None else expected.log2_learning_rate
        return Wave(tuple(_first(promise, widest, centre)))
    if beyond:
        return Wave(stopped_by="budget")
    if optimum_edge(losses_of(outcomes[widest])) is not None:
        return Wave(stopped_by="edge")
    found = transfer_to(promise.target, optima, proxy_width=promise.widths[0])
    if kept := _kept(promise, found, _seeds(outcomes[widest])):
        return Wave(stopped_by=kept)
    return _most_telling(promise, outcomes, found)


def first_seeds(cost: float, widest_cost: float) -> int:
    """First seeds of a width: two if all its first rates cost less than one trial of the widest."""
    return 2 if cost * FIRST_RATES < widest_cost else 1


def _first(promise: Promise, width: int, centre: float) -> Iterator[Due]:
    rates = log2_grid(centre, factor=promise.grid_factor, points=FIRST_RATES)
    return _with_first_seeds(promise, width, rates)


def _with_first_seeds(promise: Promise, width: int, rates: Iterable[float]) -> Iterator[Due]:
    seeds = first_seeds(promise.cost(width), promise.costs[-1])
    return (Due(width, rate, seed) for rate in rates for seed in range(seeds))


def _beyond_edges(promise: Promise, outcomes: Outcomes) -> Iterator[Due]:
    """One more rate beyond the edge, for each width whose best rate is at an edge of its grid."""
    most = FIRST_RATES + MAX_EXTENSIONS * EXTENSION_POINTS
    step = math.log2(promise.grid_factor)
    for width, tried in sorted(outcomes.items()):
        rates = {one.log2_rate for one in tried}
        side = optimum_edge(losses_of(tried)) if tried else None
        if side is None or (max(rates) - min(rates)) / step >= most - 1:
            continue
        further = extension(rates, side, factor=promise.grid_factor, points=1)
        yield from _with_first_seeds(promise, width, further)


def _kept(promise: Promise, found: Transfer, seeds: int) -> StoppedBy | None:
    """The promise that is kept, if one is."""
    at, regret = found.prediction, found.predicted_regret_percent
    if at is None or found.optima[-1].optimum.status != "measured":
        return None
    sure = 1.0 if seeds > 1 else SURE_SHARE
    octaves = at.high_log2_learning_rate - at.low_log2_learning_rate
    if regret is not None and regret <= sure * (promise.regret_percent or 0.0):
        return "regret"
    return "interval" if octaves <= sure * (promise.interval_octaves or 0.0) else None


class _Candidate(NamedTuple):
    trials: tuple[Due, ...]
    cost: float
    variance: float
    """Reduction of the target's variance, in octaves squared."""


def _most_telling(promise: Promise, outcomes: Outcomes, found: Transfer) -> Wave:
    """The affordable wave that removes most of the target's variance for its cost."""
    spent = _spent(promise, outcomes)
    candidates = list(_candidates(promise, outcomes, found))
    if not candidates:
        return Wave(stopped_by="gain")
    affordable = [one for one in candidates if spent + one.cost <= promise.most_cost]
    if not affordable:
        return Wave(stopped_by="budget")
    return Wave(max(affordable, key=lambda one: (one.variance / one.cost, -one.cost)).trials)


def _candidates(promise: Promise, outcomes: Outcomes, found: Transfer) -> Iterator[_Candidate]:
    """One wave for every width whose optimum moves the prediction, or the verdict on the drift."""
    shares = _shares(found)
    whole = 0.0 if found.prediction is None else found.prediction.standard_error_octaves
    least = (1 - (1 - LEAST_GAIN) ** 2) * whole**2
    for at in found.optima:
        trials, seeds = tuple(_around(promise, at, outcomes[at.width])), _seeds(outcomes[at.width])
        if not trials or seeds == MOST_SEEDS:
            continue
        cost = _cost(promise, trials)
        if at.optimum.status != "measured":
            if at.width == promise.widths[-1]:
                yield _Candidate(trials, cost, math.inf)
            continue
        taken = len(trials) / (at.optimum.trials + len(trials))
        error = error_of(at) if seeds > 1 else max(error_of(at), SEARCH_OCTAVES)
        variance = shares[at.width] * error**2 * taken
        if variance > least:
            yield _Candidate(trials, cost, variance)


def _around(promise: Promise, at: WidthOptimum, tried: Sequence[Outcome]) -> Iterator[Due]:
    """One more seed around the optimum, on a grid twice as fine, within the rates that train."""
    centre = at.optimum.log2_learning_rate
    losses = losses_of(tried)
    fair = [rate for rate, seeds in losses.items() if seeds and None not in seeds]
    if centre is None or not fair:
        return
    step = math.log2(promise.grid_factor) / 2
    rates = {round(centre / step + 2 * away) * step for away in AROUND_STEPS}
    for rate in sorted(rate for rate in rates if min(fair) <= rate <= max(fair)):
        yield Due(at.width, rate, _seeds(tried))


def _shares(found: Transfer) -> dict[int, float]:
    """Derivative of the target's variance by that of each width's optimum, by nudging each.

    As long as the verdict on the drift is not clear, the drift's own variance is added.
    """
    moved = drift(found.optima)
    asks_drift = moved is not None and (
        abs(abs(moved.octaves_per_doubling) - DRIFT_OCTAVES) < (moved.standard_error_octaves or 0.0)
    )
    shares = {}
    for at in found.optima:
        if at.optimum.status != "measured":
            shares[at.width] = 0.0
            continue
        nudged = [_nudged(one) if one is at else one for one in found.optima]
        here, there = predict(found.optima, found.width), predict(nudged, found.width)
        share = 0.0
        if here is not None and there is not None:
            share = ((there.log2_learning_rate - here.log2_learning_rate) / _NUDGE_OCTAVES) ** 2
        other = drift(nudged)
        if asks_drift and moved is not None and other is not None:
            by = (other.octaves_per_doubling - moved.octaves_per_doubling) / _NUDGE_OCTAVES
            share += by**2
        shares[at.width] = share
    return shares


def _nudged(at: WidthOptimum) -> WidthOptimum:
    rate = rate_of(at) + _NUDGE_OCTAVES
    return at.model_copy(
        update={"optimum": at.optimum.model_copy(update={"log2_learning_rate": rate})}
    )


def _cost(promise: Promise, due: Iterable[Due]) -> float:
    return math.fsum(promise.cost(one.width) for one in due)


def _spent(promise: Promise, outcomes: Outcomes) -> float:
    return math.fsum(len(tried) * promise.cost(width) for width, tried in outcomes.items())


def _optima(outcomes: Outcomes) -> tuple[WidthOptimum, ...]:
    return tuple(
        WidthOptimum(
            width=width,
            optimum=fit_optimum((one.log2_rate, one.loss) for one in tried if one.has_result),
        )
        for width, tried in sorted(outcomes.items())
        if tried
    )


def losses_of(tried: Sequence[Outcome]) -> dict[float, list[float | None]]:
    """Losses of every seed by log2(learning rate), ascending."""
    losses: dict[float, list[float | None]] = {}
    for one in tried:
        if one.has_result:
            losses.setdefault(one.log2_rate, []).append(one.loss)
    return dict(sorted(losses.items()))


def _seeds(tried: Sequence[Outcome]) -> int:
    return 1 + max(one.seed for one in tried)
