"""Test the hyperparameters found beside the learning rate against their defaults, on fresh seeds.

The best of many trials is partly luck, and a gain at one width need not transfer: both settings are
trained at two widths, each around its own best rate.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from parametrization.recommendation.record import Record
from parametrization.transfer.grid import (
    MAX_EXTENSIONS,
    extension,
    log2_grid,
    mean_loss,
    optimum_edge,
)
from tuner.records.snapshot import StudySnapshot
from tuner.records.trials import TrialGroup, TrialRecord
from tuner.spec.optimizers.name import Optimizer
from tuner.spec.optimizers.records import RECORDS, SearchedOptimizer
from tuner.spec.states import Purpose, StateReason, TrialState
from tuner.spec.study import StudySpec

WIDTHS: Final = 2
"""The narrowest that are measured."""
SEEDS: Final = 2
RATES: Final = 3
"""Learning rates around the winner's, a factor 2 apart; more if the best is at the edge."""
LEAST_GAIN_PERCENT: Final = 0.5
"""Gain in loss at every width, in percent: a rate between those tried may give less than that."""
_RATE: Final = "learning_rate"
_FACTOR: Final = 2.0


class Gain(Record):
    """Gain of the found setting over the defaults at one width, each at its best rate."""

    width: int
    percent: float | None
    """Loss of the defaults over that of the found setting, less 1, in percent; None if either
    diverges or has no result."""


class FurtherVerdict(Record):
    """Decision to keep or drop the hyperparameters found beside the learning rate."""

    names: tuple[str, ...]
    survives: bool
    gains: tuple[Gain, ...]
    """By width, narrowest first."""


class Choice(NamedTuple):
    """Setting that trials of an optimizer train with, beside seed and width."""

    hyperparameters: dict[str, float]
    training: dict[str, float | str] | None = None
    """Fields of training that differ from the study's own; None if none does."""

    @property
    def beside_the_rate(self) -> "Choice":
        """The same without the learning rate."""
        others = {name: x for name, x in self.hyperparameters.items() if name != _RATE}
        return Choice(others, self.training)


def further_names(spec: StudySpec, config: SearchedOptimizer) -> tuple[str, ...]:
    """Names searched beside the learning rate: hyperparameters, then fields of training."""
    return (*_hyperparameters(config), *spec.searched_training(config.name))


def _hyperparameters(config: SearchedOptimizer) -> tuple[str, ...]:
    return tuple(name for name in config.searched if name != _RATE)


def confirm_widths(spec: StudySpec) -> tuple[int, ...]:
    """Widths at which the found setting has to be better."""
    return spec.measure_widths[:WIDTHS]


def is_confirmed(spec: StudySpec, config: SearchedOptimizer) -> bool:
    """True if the study tests the found setting with fresh seeds before it measures."""
    return spec.search.confirm and bool(further_names(spec, config))


def planned(spec: StudySpec) -> dict[int, int]:
    """Trials by width, before any extension; none where nothing is to be confirmed."""
    optimizers = sum(is_confirmed(spec, config) for config in spec.optimizers)
    trials = optimizers * 2 * RATES * SEEDS
    return dict.fromkeys(confirm_widths(spec), trials) if trials else {}


def settings(config: SearchedOptimizer, best: TrialRecord) -> tuple[Choice, Choice]:
    """The found setting, and the same with defaults for all searched beside the rate."""
    fields = RECORDS[config.name].model_fields
    defaults = {name: float(fields[name].get_default()) for name in _hyperparameters(config)}
    found = Choice(dict(best.hyperparameters), best.training)
    return found, Choice({**found.hyperparameters, **defaults})


def due_settings(
    snapshot: StudySnapshot, config: SearchedOptimizer
) -> Iterator[tuple[int, int, Choice, int]]:
    """(wave, width, choice, seed from 0) of trials to ask for; all of earlier ones ended.

    Every search has a result.
    """
    tried = snapshot.trials.of(Purpose.CONFIRM, config.name)
    best = snapshot.trials.of(Purpose.SEARCH, config.name).best
    if best is None or tried.unfinished:
        return
    wave = tried[-1].batch + 1 if tried else 0
    if wave > MAX_EXTENSIONS:
        return
    winner = math.log2(best.hyperparameters[_RATE])
    for setting in settings(config, best):
        for width in confirm_widths(snapshot.study.spec):
            known = _losses(tried, width, setting)
            for rate in _due_rates(known, winner):
                for seed in range(SEEDS):
                    at_rate = setting.hyperparameters | {_RATE: 2.0**rate}
                    yield wave, width, setting._replace(hyperparameters=at_rate), seed


def _due_rates(known: Mapping[float, Sequence[float | None]], winner: float) -> tuple[float, ...]:
    if not known:
        return log2_grid(winner, factor=_FACTOR, points=RATES)
    side = optimum_edge(known)
    return () if side is None else extension(known, side, factor=_FACTOR, points=1)


def further_verdict(snapshot: StudySnapshot, optimizer: Optimizer) -> FurtherVerdict | None:
    """Decision on the found setting; None if it is not tested, or while trials are still to end.

    It is kept if it is better at every width by half a percent, and with every seed.
    """
    config = next(one for one in snapshot.study.spec.optimizers if one.name == optimizer)
    tried = snapshot.trials.of(Purpose.CONFIRM, optimizer)
    best = snapshot.trials.of(Purpose.SEARCH, optimizer).best
    if not tried or tried.unfinished or best is None or any(due_settings(snapshot, config)):
        return None
    found, default = settings(config, best)
    gains, survives = [], True
    for width in confirm_widths(snapshot.study.spec):
        ours, theirs = (_best(_losses(tried, width, of)) for of in (found, default))
        survives = survives and _is_better(ours, theirs)
        whole = bool(ours) and bool(theirs) and None not in (*ours, *theirs)
        gain = 100 * (mean_loss(theirs) / mean_loss(ours) - 1) if whole else None
        gains.append(Gain(width=width, percent=gain))
    names = further_names(snapshot.study.spec, config)
    return FurtherVerdict(names=names, survives=survives, gains=tuple(gains))


def chosen_hyperparameters(snapshot: StudySnapshot, best: TrialRecord) -> dict[str, float]:
    """Hyperparameters of `chosen`."""
    return chosen(snapshot, best).hyperparameters


def chosen(snapshot: StudySnapshot, best: TrialRecord) -> Choice:
    """Setting of the search's winner; the defaults at their own best rate if it was dropped."""
    verdict = further_verdict(snapshot, best.optimizer)
    if verdict is None or verdict.survives:
        return Choice(best.hyperparameters, best.training)
    config = next(one for one in snapshot.study.spec.optimizers if one.name == best.optimizer)
    _, default = settings(config, best)
    tried = snapshot.trials.of(Purpose.CONFIRM, best.optimizer)
    losses = _losses(tried, confirm_widths(snapshot.study.spec)[0], default)
    liked = min(losses, key=lambda rate: mean_loss(losses[rate]), default=None)
    if liked is None:
        return default
    return Choice(default.hyperparameters | {_RATE: 2.0**liked}, default.training)


def _is_better(ours: Sequence[float | None], theirs: Sequence[float | None]) -> bool:
    """True if our losses are lower for every seed, and their mean by half a percent.

    A diverged seed (None) counts as infinite loss.
    """
    if not ours or len(ours) != len(theirs) or None in ours:
        return False
    pairs = zip(ours, (math.inf if loss is None else loss for loss in theirs), strict=True)
    each = all(mine is not None and mine < other for mine, other in pairs)
    return each and mean_loss(theirs) >= mean_loss(ours) * (1 + LEAST_GAIN_PERCENT / 100)


def _best(losses: Mapping[float, Sequence[float | None]]) -> Sequence[float | None]:
    """Losses of the best rate, by seed; none if no trial has a result."""
    return min(losses.values(), key=mean_loss, default=())


def _losses(tried: TrialGroup, width: int, setting: Choice) -> dict[float, list[float | None]]:
    """Losses of a setting by log2(learning rate), in the order of seeds."""
    losses: dict[float, list[float | None]] = {}
    others = setting.beside_the_rate
    for trial in sorted(tried, key=lambda trial: (trial.seed, trial.number)):
        own = Choice(trial.hyperparameters, trial.training).beside_the_rate
        if trial.width != width or own != others or trial.state is TrialState.FAIL:
            continue
        rate = round(math.log2(trial.hyperparameters[_RATE]), 9)
        diverged = trial.state_reason is StateReason.DIVERGED
        losses.setdefault(rate, []).append(None if diverged else trial.value)
    return losses
