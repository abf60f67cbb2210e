"""Find reasons in measured optima against carrying a learning rate to another width.

The criteria are those that were shown to separate transfers that fail from ones that hold: the
drift with its error, an optimum on the edge or at the wall where training grows unstable, the
predicted regret, the distance, and runs that end before they have learned anything. Two others are
left out, by simulated studies of twelve problems: the regret of a prediction for the widest
measured width hardly correlates with the target's regret (0.32), and the share of rates at which
the wider model is better flags a quarter of the studies whose rate is right.
"""

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal, NamedTuple

from parametrization.recommendation.evidence import Prediction, WidthOptimum
from parametrization.recommendation.trust import Reason
from parametrization.text.rounding import percent
from parametrization.transfer.law import MIN_WIDTHS, SURPRISE, move_octaves
from parametrization.transfer.slow_side import LITTLE_LEARNED, little_learned
from parametrization.transfer.summary import Transfer
from parametrization.transfer.target_loss import KEPT_RANGE

REGRET_PERCENT: Final = 2.0
"""Loss that a transferred rate is expected to cost before caution; four times that, abstain."""
DRIFT_OCTAVES: Final = 0.25
"""Octaves that the optimum may move per doubling of width. At widths below 32 the law itself
expects more: there the limit is what muP's own drift keeps to in 90 % of cases."""
DRIFT_ERRORS: Final = 0.5
"""Standard errors by which a drift has to be over its limit before caution, so that it is over it
with odds of two to one; one standard error, abstain. Without it noise flags a quarter more of the
good studies of both banks, and 2 % more of those under the standard parametrization."""
LOG_GAIN: Final = 0.9
"""Log loss that a doubling of width may gain: more than the 0.74 of the problem that gains most. An
MLP on CIFAR-10 gains 0.3 while it trains for a few epochs, and 1 to 3 once its wider versions fit
the data: within those widths the best rate moves by up to an octave. A larger gain that levels off
at once, as gains do over the widths of the banks, is that of models too narrow for their task."""
MIN_STEPS: Final = 50
"""Number of updates from which on the optima of widths were seen to agree."""
REACH: Final = 8.0
"""Factor beyond the measured widths before caution; 64, abstain."""


def reasons_against_transfer(found: Transfer) -> Iterator[Reason]:
    """Every reason that the optima give against trusting the rate at a width."""
    yield from _of_optima(found)
    yield from _of_regret(found.predicted_regret_percent)
    if found.width not in measured_widths(found.optima):
        yield from _of_training(found.optima)
    if found.prediction is not None:
        yield from _of_wall(found.optima, found.prediction)
        yield from _of_gains(found.optima, found.prediction)
        yield from _of_drift(found, found.prediction)
        yield from _of_reach(found.width, found.prediction)


def too_short(steps: int) -> Iterator[Reason]:
    """A reason if runs of that many updates are too short for their optima to be carried on."""
    if steps < MIN_STEPS:
        yield Reason(
            topic="proxy",
            severity="caution",
            words=f"the proxies train for {steps} steps; from {MIN_STEPS} on their optima were seen"
            " to agree with the target's",
            excess=MIN_STEPS / steps,
        )


def measured_widths(optima: Iterable[WidthOptimum]) -> tuple[int, ...]:
    """Widths whose optimum is measured, narrowest first."""
    return tuple(at.width for at in optima if at.optimum.status == "measured")


def _of_optima(found: Transfer) -> Iterator[Reason]:
    measured = measured_widths(found.optima)
    decisive = {found.proxy_width, max((at.width for at in found.optima), default=0)}
    for at in found.optima:
        if at.optimum.status != "inconclusive":
            continue
        side = "flat" if at.optimum.edge is None else f"still falling at the {at.optimum.edge} end"
        yield Reason(
            topic="optimum",
            severity="abstain" if at.width in decisive else "caution",
            words=f"width {at.width}: the loss is {side} of the learning rates tried,"
            " so its optimum is not known",
            excess=2.0,
        )
    if not measured:
        words = "no width has enough trials for its optimum to be fitted"
        yield Reason(topic="optimum", severity="abstain", words=words, excess=2.0)
    elif len(measured) < MIN_WIDTHS and found.width not in measured:
        yield Reason(
            topic="widths",
            severity="caution",
            words=f"widths with a measured optimum: {len(measured)}; the drift needs {MIN_WIDTHS}",
            excess=MIN_WIDTHS / len(measured),
        )


def _of_training(optima: Sequence[WidthOptimum]) -> Iterator[Reason]:
    """A reason if the runs are so short that their best rate is the one that gets far in time."""
    gained = little_learned(optima)
    if gained is not None:
        yield Reason(
            topic="proxy",
            severity="caution",
            words="the runs have hardly begun to learn: the slowest rates leave the loss where it"
            f" was, and the best one ends {percent(100 * -math.expm1(-gained))} below it; the best"
            " rate of runs so short goes with their length",
            excess=LITTLE_LEARNED / gained,
        )


def _of_wall(optima: Sequence[WidthOptimum], prediction: Prediction) -> Iterator[Reason]:
    """A reason if the interval reaches rates at which the widest model trained unstably."""
    widest = [at for at in optima if at.optimum.status == "measured"][-1]
    wall = widest.optimum.wall_log2_learning_rate
    if wall is None or prediction.high_log2_learning_rate < wall:
        return
    beyond = prediction.high_log2_learning_rate - prediction.log2_learning_rate
    room = wall - prediction.log2_learning_rate
    if prediction.doublings_beyond > 0:
        yield Reason(
            topic="optimum",
            severity="caution" if room > 0 else "abstain",
            words=f"the interval reaches the rate {2.0**wall:.3g}, at which training at width"
            f" {widest.width} grows unstable",
            excess=min(beyond / room, 4.0) if room > 0 else 4.0,
        )


def _of_gains(optima: Sequence[WidthOptimum], prediction: Prediction) -> Iterator[Reason]:
    """A reason if wide models gain so much that they may memorise data which narrow ones do not."""
    known = [
        (at.width, at.optimum.loss)
        for at in optima
        if at.optimum.status == "measured" and at.optimum.loss is not None
    ]
    if prediction.doublings_beyond == 0:
        return
    steps = [
        _Gain(narrow, wide, loss / less)
        for (narrow, loss), (wide, less) in itertools.pairwise(known)
    ][-2:]
    if steps and not _level_off([step.per_doubling for step in steps]):
        most = max(steps, key=lambda step: step.per_doubling)
        yield Reason(
            topic="widths",
            severity="abstain",
            words=f"from width {most.narrow} to {most.wide} the loss falls {most.falls:.3g}-fold:"
            " wide models that memorise their data have other optima than narrow ones that do not",
            excess=most.per_doubling / LOG_GAIN,
        )


class _Gain(NamedTuple):
    """Gain in loss of one step between neighbouring measured widths."""

    narrow: int
    wide: int
    falls: float
    """Loss of the narrower one over that of the wider one."""

    @property
    def per_doubling(self) -> float:
        """Log loss gained per doubling of width."""
        return math.log(self.falls) / math.log2(self.wide / self.narrow)


def _level_off(gains: Sequence[float]) -> bool:
    """True if gains are small, or a large one is followed by one smaller by the usual share."""
    if max(gains) <= LOG_GAIN:
        return True
    before, last = gains[0], gains[-1]
    least, most = KEPT_RANGE
    return last <= LOG_GAIN and least * before <= last <= most * before


def _of_regret(predicted_percent: float | None) -> Iterator[Reason]:
    if predicted_percent is not None:
        yield from _beyond(
            "regret",
            predicted_percent / REGRET_PERCENT,
            abstain_at=4.0,
            words="the uncertainty of the learning rate is expected to cost"
            f" {percent(predicted_percent)} of loss (limit {REGRET_PERCENT:g} %)",
        )


def _of_drift(found: Transfer, prediction: Prediction) -> Iterator[Reason]:
    """A reason if the drift is larger than muP's own and the prediction goes beyond the widths."""
    drift, measured = found.drift, measured_widths(found.optima)
    if drift is None or drift.widths < MIN_WIDTHS or prediction.doublings_beyond == 0:
        return
    limit = max(DRIFT_OCTAVES, SURPRISE * _usual_drift(measured[0], measured[-1]))
    size, error = abs(drift.octaves_per_doubling), drift.standard_error_octaves or 0.0
    if size - DRIFT_ERRORS * error <= limit:
        return
    yield Reason(
        topic="drift",
        severity="abstain" if size - error > limit else "caution",
        words=f"the optimum moves {drift.octaves_per_doubling:+.2f} ± {error:.2f} octaves with"
        f" every doubling of width (limit {limit:.2g}): where it is at {found.width} is not known",
        excess=size / limit,
    )


def _usual_drift(narrowest: int, widest: int) -> float:
    """Standard deviation of muP's own drift between the two widths, in octaves per doubling."""
    return move_octaves(narrowest, widest) / math.log2(widest / narrowest)


def _of_reach(width: int, prediction: Prediction) -> Iterator[Reason]:
    beyond = 2**prediction.doublings_beyond
    yield from _beyond(
        "reach",
        beyond / REACH,
        abstain_at=8.0,
        words=f"width {width} is {beyond:.3g}x beyond the measured widths (limit {REACH:g}x)",
    )


def _beyond(
    topic: Literal["regret", "reach"], ratio: float, *, abstain_at: float, words: str
) -> Iterator[Reason]:
    """A reason if a figure is over its limit, an abstention at `abstain_at` times the limit."""
    if ratio > 1:
        severity: Literal["caution", "abstain"] = "abstain" if ratio > abstain_at else "caution"
        yield Reason(topic=topic, severity=severity, words=words, excess=ratio)
