"""Records of what a target run has reported, and of what was judged from it."""

import datetime as dt
from typing import Literal

from parametrization.recommendation.record import Record


class Observation(Record):
    """The training loss of a target run at one update."""

    step: int
    """Number of the update, from 1; its loss is that before it is applied."""
    tokens: int
    """Seen up to and with that update."""
    loss: float | None
    """Null where it was not finite: the run has diverged."""


class StoredObservation(Observation):
    observed_at: dt.datetime


class PredictedPoint(Record):
    """The loss of a target run at one update, as the proxies' curves predict it."""

    step: int
    tokens: int
    loss: float
    low: float
    high: float
    """End of the interval that single losses are expected in, 9 of 10."""


class RateInEffect(Record):
    """The learning rate that a run trains at in effect, by the curve that its loss follows."""

    octaves: float
    """log2 of that rate over the transferred one: the median."""
    low_octaves: float
    high_octaves: float
    """End of the 90 % interval."""
    times: float
    """The same as a factor on the transferred rate."""


class RunJudgement(Record):
    """The verdict on whether a target run follows the curve that was predicted for it."""

    step: int
    """Of the last loss that it rests on."""
    verdict: Literal["undecided", "on", "off"]
    probability_off: float
    """The probability that the run trains at a rate that is wrong by a factor of 2 or more."""
    rate: RateInEffect | None
    """None where the run has diverged."""
    judged: int
    """Losses that it rests on."""
    words: str


class StoredJudgement(RunJudgement):
    judged_at: dt.datetime
