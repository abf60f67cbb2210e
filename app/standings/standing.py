"""Sum up how far a study is and what it has come to: one row of a list."""

import datetime as dt
from collections import OrderedDict
from typing import Final

from pydantic import Field
from sqlalchemy.orm import Session

from app.progress import Progress, read_progress
from app.standings.words import VERDICTS, duration, number, state_words
from parametrization.recommendation.trust import Verdict
from tuner.recommendation.recommend import recommend
from tuner.records.errors import NotReady
from tuner.records.snapshot import StudyRecord
from tuner.spec.record import Record
from tuner.spec.states import FINAL_STUDY_STATES, FINAL_TRIAL_STATES
from tuner.storage.evidence import read_summary

_MOST_KEPT: Final = 4_096


class StandingWords(Record):
    """The same for people."""

    state: str
    trials: str
    """Trials that have ended, of those planned."""
    left: str
    """Time left at the pace so far; empty when nothing runs."""
    best_loss: str
    verdict: str


class Standing(Record):
    """How far a study is and what it has come to."""

    fraction: float = Field(ge=0, le=1)
    """Share of the planned training that is done."""
    ended: int
    """Trials to which nothing more will happen."""
    planned: int
    """Trials in all, as planned so far."""
    eta_seconds: float | None
    """At the pace so far; null before there is a pace, and when nothing runs."""
    best_loss: float | None
    """Lowest value of a completed muP trial at the proxy width."""
    compared_by: str
    """What that is a value of: `train loss`."""
    verdict: Verdict | None
    """On the recommendation for the study's own target; null where a study ended without one."""
    words: StandingWords


class EndedVerdicts:
    """Verdicts of studies that have ended, which change no more: each is computed once."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Verdict | None] = OrderedDict()

    def verdict(self, session: Session, study: StudyRecord) -> Verdict | None:
        """The verdict on the study's recommendation for its own target."""
        if study.state not in FINAL_STUDY_STATES:
            return "in_progress"
        if study.id not in self._known:
            self._known[study.id] = _verdict(session, study)
            while len(self._known) > _MOST_KEPT:
                self._known.popitem(last=False)
        return self._known[study.id]


def read_standing(
    session: Session, study: StudyRecord, now: dt.datetime, verdicts: EndedVerdicts
) -> Standing:
    """How far the study is now."""
    progress = read_progress(session, study, now)
    return standing_of(study, progress, verdicts.verdict(session, study))


def standing_of(study: StudyRecord, progress: Progress, verdict: Verdict | None) -> Standing:
    """The standing of a study by its progress and its verdict."""
    trained = [phase for phase in progress.phases if phase.phase != "check"]
    planned = sum(phase.planned for phase in trained)
    ended = sum(progress.trials[state] for state in FINAL_TRIAL_STATES)
    left = progress.eta_seconds
    best = progress.best_loss
    return Standing(
        fraction=progress.fraction,
        ended=ended,
        planned=planned,
        eta_seconds=left,
        best_loss=best,
        compared_by=progress.compared_by,
        verdict=verdict,
        words=StandingWords(
            state=state_words(study.state),
            trials=f"{ended:,} of {planned:,} trials",
            left="" if left is None else f"about {duration(left)} left",
            best_loss=_no_loss(study) if best is None else number(best),
            verdict="no answer" if verdict is None else VERDICTS[verdict],
        ),
    )


def _no_loss(study: StudyRecord) -> str:
    return "none" if study.state in FINAL_STUDY_STATES else "none yet"


def _verdict(session: Session, study: StudyRecord) -> Verdict | None:
    try:
        return recommend(study, read_summary(session, study)).verdict
    except NotReady:
        return None
