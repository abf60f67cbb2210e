"""Sum up the progress and the result of a study: one row of a list."""

import datetime as dt
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, NamedTuple, TypeVar

from pydantic import Field
from sqlalchemy.orm import Session

from app.progress import Progress, read_progress
from app.standings.words import OUTCOMES, VERDICTS, number, state_words
from parametrization.recommendation.record import Record
from parametrization.recommendation.trust import Verdict
from parametrization.sweeps.analysis import analyse
from parametrization.text.durations import duration
from tuner.evidence.checks.outcome import CheckOutcome, outcome_of
from tuner.recommendation.recommend import recommend
from tuner.records.errors import NotReady
from tuner.records.snapshot import StudyRecord
from tuner.spec.states import FINAL_STUDY_STATES, FINAL_TRIAL_STATES, StudyState
from tuner.storage.evidence import read_summary
from tuner.storage.sweeps.stored_sweeps import is_sweep, stored_sweep

_MOST_KEPT: Final = 4_096


class StandingWords(Record):
    """The standing in words, for people."""

    state: str
    trials: str
    """Trials that have ended, of those planned; of a completed study that needed fewer, without
    these; of a study that only checks, its check's runs. What was left undone has not ended."""
    left: str
    """Time left at the pace so far; empty when nothing runs."""
    best_loss: str
    verdict: str


class Standing(Record):
    """The progress of a study, and its result."""

    fraction: float = Field(ge=0, le=1)
    """Share of the planned training that is done."""
    ended: int
    """Trials to which nothing more will happen; of a study that only checks, the check's runs, one
    an optimizer and width."""
    planned: int
    """Trials in all, as planned so far."""
    eta_seconds: float | None
    """Seconds left at the pace so far; null before there is a pace, and when nothing runs."""
    best_loss: float | None
    """Lowest value of a completed muP trial at the proxy width."""
    compared_by: str
    """Name of the value in `best_loss`: `train loss`."""
    verdict: Verdict | None
    """Verdict on the recommendation for the study's own target; null where a study ended without
    one, and of one that only checks."""
    check: CheckOutcome | None = None
    """Outcome of a study that only checks, once it is completed."""
    words: StandingWords


class Concluded(NamedTuple):
    """The result of a study."""

    verdict: Verdict | None = None
    """Verdict on its recommendation for its own target."""
    check: CheckOutcome | None = None
    """Outcome of its coordinate check, where it stops after that."""


_Ended = tuple[str, int]
"""A study's id and version: one that failed may be tried again."""
_Found = TypeVar("_Found")


class EndedVerdicts:
    """Results of studies that have ended, which change no more: each is computed once."""

    def __init__(self) -> None:
        self._known: OrderedDict[_Ended, Concluded] = OrderedDict()
        self._standings: OrderedDict[_Ended, Standing] = OrderedDict()

    def of(self, session: Session, study: StudyRecord) -> Concluded:
        """The result of the study so far."""
        if study.state not in FINAL_STUDY_STATES:
            return Concluded(None if study.spec.only_checks else "in_progress")
        return _once(self._known, study, lambda: _concluded(session, study))

    def standing(self, session: Session, study: StudyRecord, now: dt.datetime) -> Standing:
        """The study's progress and result now; those of a completed study are kept."""

        def made() -> Standing:
            progress = read_progress(session, study, now)
            return standing_of(study, progress, *self.of(session, study))

        is_over = study.state is StudyState.COMPLETED
        return _once(self._standings, study, made) if is_over else made()


def _once(
    known: OrderedDict[_Ended, _Found], study: StudyRecord, made: Callable[[], _Found]
) -> _Found:
    ended = study.id, study.version
    if ended not in known:
        known[ended] = made()
        while len(known) > _MOST_KEPT:
            known.popitem(last=False)
    return known[ended]


def read_standing(
    session: Session, study: StudyRecord, now: dt.datetime, verdicts: EndedVerdicts
) -> Standing:
    """The study's progress and result now."""
    return verdicts.standing(session, study, now)


def standing_of(
    study: StudyRecord,
    progress: Progress,
    verdict: Verdict | None,
    check: CheckOutcome | None = None,
) -> Standing:
    """The standing of a study by its progress and what it has come to."""
    only_checks = study.spec.only_checks
    counted = [phase for phase in progress.phases if only_checks or phase.phase != "check"]
    planned = sum(phase.planned for phase in counted)
    ended = (
        sum(phase.complete for phase in counted)
        if only_checks
        else sum(progress.trials[state] for state in FINAL_TRIAL_STATES)
    )
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
        check=check,
        words=StandingWords(
            state=state_words(study.state),
            trials=_trials_words(study, ended - sum(at.cancelled for at in counted), planned),
            left="" if left is None else f"about {duration(left)} left",
            best_loss=_no_loss(study) if best is None else number(best),
            verdict=_check_words(study, check) if only_checks else _verdict_words(verdict),
        ),
    )


def _trials_words(study: StudyRecord, ended: int, planned: int) -> str:
    named = "check runs" if study.spec.only_checks else "trials"
    if study.state is StudyState.COMPLETED and ended < planned:
        return f"{ended:,} {named}"  # it needed no more of them, or they were given
    return f"{ended:,} of {planned:,} {named}"


def _verdict_words(verdict: Verdict | None) -> str:
    return "no answer" if verdict is None else VERDICTS[verdict]


def _check_words(study: StudyRecord, check: CheckOutcome | None) -> str:
    if check is not None:
        return OUTCOMES[check]
    return "no answer" if study.state in FINAL_STUDY_STATES else VERDICTS["in_progress"]


def _no_loss(study: StudyRecord) -> str:
    if study.spec.only_checks or is_sweep(study):
        return "not searched"
    return "none" if study.state in FINAL_STUDY_STATES else "none yet"


def _concluded(session: Session, study: StudyRecord) -> Concluded:
    if is_sweep(study):
        _, group = stored_sweep(session, study.id)
        return Concluded(analyse(group, study.spec.target.width).verdict)
    known = read_summary(session, study)
    if study.spec.only_checks:
        return Concluded(check=outcome_of(study, known))
    try:
        return Concluded(recommend(study, known).verdict)
    except NotReady:
        return Concluded()
