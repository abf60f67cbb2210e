"""Compare the run of a target with the curve that the proxies' curves predict for it.

The run's rate is the recommended one times the factors along depth, batch and tokens; its progress
is counted in updates at the proxies' peak.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import cached_property
from typing import Final

import numpy as np

from parametrization.recommendation.document import RecommendationDocument
from parametrization.scaling.model_scaling import scale
from parametrization.scaling.multipliers import Multipliers
from parametrization.text.rounding import percent
from parametrization.transfer.target_run.judge import Judgement, judge, spread_between_runs
from parametrization.transfer.target_run.proxy_curves import (
    Floats,
    PredictedCurves,
    ProxyRun,
    exposure,
)
from tuner.records.target_run import Observation, PredictedPoint, RateInEffect, RunJudgement
from tuner.spec.study_fields import Training

_FOURFOLD: Final = 4.0
"""A run is judged up to where the proxies predict one at a rate that is four times too high."""
MOST_JUDGED: Final = 2_000
"""Losses of a run that are looked at, evenly many."""
PREDICTED_POINTS: Final = 64
_NORMAL_90: Final = 1.645


class TargetRun:
    """The predicted curve of one recommendation's run, and the verdict on its losses.

    Args:
        document: the recommendation.
        training: of the proxies, by its optimizer.
        runs: the proxies' measured trials by that optimizer, with their training losses.

    Raises:
        ValueError: if no trial has a training curve.

    """

    def __init__(
        self, document: RecommendationDocument, training: Training, runs: Sequence[ProxyRun]
    ) -> None:
        self._document, self._runs = document, runs
        longest = max((len(run.losses) for run in runs), default=0)
        self._exposures = exposure(training.schedule, training.steps, range(longest))
        self._curves = PredictedCurves(runs, self._exposures)
        self._rate = document.learning_rate.log2
        self._noise_ratio = math.sqrt(training.batch_size / document.target.batch_size)

    @cached_property
    def _factor(self) -> float:
        """Ratio of the target's rates to those of the proxies at the target's width."""
        document = self._document
        given = document.base_shapes, document.base_hyperparameters
        rates = [
            scale(*given, mults, optimizer=document.optimizer, policies=document.policies)
            for mults in (document.multipliers, Multipliers(width=document.multipliers.width))
        ]
        led = document.groups[document.schedule.group].patterns[0]
        place = next((i for i, at in enumerate(rates[0]) if at.name == led), 0)
        return rates[0][place].learning_rate / rates[1][place].learning_rate

    def reached(self, steps: Sequence[int]) -> Floats:
        """Progress of the run before these updates, numbered from 1, ascending."""
        schedule = self._document.schedule
        done = [step - 1 for step in steps]
        return self._factor * exposure(schedule.form, schedule.steps, done)

    def predicted(self) -> tuple[PredictedPoint, ...]:
        """The predicted loss of the run, as far as it is judged."""
        last = self._last_judged
        steps = np.unique(np.geomspace(1, last, PREDICTED_POINTS).round().astype(int)).tolist()
        at = self.reached(steps)
        spread = self._spread(at)
        finer = self._curves.finer(float(at[-1]), last - 1)
        rate, read = self._rate - math.log2(finer), at * finer
        curves = [self._curves.log_losses(read, rate + side) for side in (-spread, 0, spread)]
        noise = _NORMAL_90 * self._noise_ratio * self._curves.noise(read, rate)
        low, high = np.min(curves, axis=0) - noise, np.max(curves, axis=0) + noise
        return tuple(
            PredictedPoint(
                step=step,
                tokens=self.tokens_at(step),
                loss=math.exp(curves[1][i]),
                low=math.exp(low[i]),
                high=math.exp(high[i]),
            )
            for i, step in enumerate(steps)
        )

    def tokens_at(self, step: int) -> int:
        """Tokens that the run has seen with an update, whose batch may still grow."""
        target, schedule = self._document.target, self._document.schedule.form
        seen, whole = (
            schedule.examples_before(at, target.steps, target.batch_size)
            for at in (min(step, target.steps), target.steps)
        )
        return round(target.tokens * (seen / whole))

    def step_at(self, tokens: int) -> int:
        """The update that has seen so many tokens: the first one of that many or more."""
        return 1 + bisect_left(range(1, self._document.target.steps), tokens, key=self.tokens_at)

    def judged(self, observations: Sequence[Observation]) -> RunJudgement:
        """Verdict on the run from its losses, the last one included.

        Args:
            observations: all that the run has reported, at least one, ascending.

        """
        last = observations[-1]
        if any(one.loss is None for one in observations):
            return RunJudgement(
                step=last.step,
                verdict="off",
                probability_off=1.0,
                rate=None,
                judged=len(observations),
                words="off the predicted curve: the loss is no longer finite, the run has diverged."
                f" {_REMEDY}",
            )
        known = [(one.step, one.loss) for one in observations if one.loss is not None]
        early = [one for one in known if one[0] <= self._last_judged] or known[:1]
        picked = np.unique(np.linspace(0, len(early) - 1, MOST_JUDGED).round().astype(int))
        steps = [early[i][0] for i in picked]
        at = self.reached(steps)
        found = judge(
            self._curves,
            at,
            np.log([early[i][1] for i in picked]),
            log2_rate=self._rate,
            spread_octaves=self._spread(at),
            updates=steps[-1] - 1,
            noise_ratio=self._noise_ratio,
        )
        return RunJudgement(
            step=last.step,
            verdict=found.verdict,
            probability_off=found.off,
            rate=RateInEffect(
                octaves=found.median_octaves,
                low_octaves=found.low_octaves,
                high_octaves=found.high_octaves,
                times=2.0**found.median_octaves,
            ),
            judged=len(steps),
            words=_words(found, last.step / self._document.target.steps),
        )

    @cached_property
    def _last_judged(self) -> int:
        """The last update that the proxies' curves cover."""
        steps = range(1, self._document.target.steps + 1)
        return max(1, bisect_right(steps, self._curves.longest, key=self._read_at))

    def _read_at(self, step: int) -> float:
        """Progress that the proxies need for a run to be judged there."""
        reached = float(self.reached([step])[0])
        return reached * max(_FOURFOLD, self._curves.finer(reached, step - 1))

    def _spread(self, at: Floats) -> float:
        return spread_between_runs(self._runs, self._exposures, float(at[-1]), self._rate)


_REMEDY: Final = (
    "Compare its learning rates, per parameter group, and its schedule with the recommendation's"
    " before going on."
)


def _words(found: Judgement, share: float) -> str:
    seen = f"after {percent(100 * share)} of the steps the loss falls as that of a run at"
    times = f"{2.0**found.median_octaves:.2g} times the recommended rate"
    ends = f"(90 %: {2.0**found.low_octaves:.2g} to {2.0**found.high_octaves:.2g} times)"
    seen = f"{seen} {times} {ends}; {100 * found.off:.0f} % that the rate is wrong twofold or more"
    match found.verdict:
        case "off":
            return f"off the predicted curve: {seen}. {_REMEDY}"
        case "on":
            return f"on the predicted curve: {seen}."
        case _:
            return f"not decided yet: {seen}. Report more losses."
