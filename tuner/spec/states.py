"""States of studies, trials, orders and recommendations, and the moves a study may make."""

from enum import StrEnum
from typing import Final


class StudyState(StrEnum):
    QUEUED = "queued"  # accepted, nothing started
    CHECKING = "checking"  # the coordinate check runs
    SEARCHING = "searching"  # Optuna's trials at the proxy width
    MEASURING = "measuring"  # the learning-rate grid at several widths
    COMPLETED = "completed"
    PAUSED = "paused"  # remembers the state it resumes to
    CANCELLED = "cancelled"
    FAILED = "failed"


class TrialState(StrEnum):
    """Optuna's trial states, by Optuna's names."""

    WAITING = "waiting"
    RUNNING = "running"
    COMPLETE = "complete"
    PRUNED = "pruned"
    FAIL = "fail"


class StateReason(StrEnum):
    """The reason for a trial's state, where the state alone does not show it."""

    DIVERGED = "diverged"  # the loss left the finite numbers: information, not an error
    OUT_OF_MEMORY = "out_of_memory"
    WORKER_LOST = "worker_lost"
    TIMEOUT = "timeout"  # no step was taken for too long
    ERROR = "error"
    CHECKPOINT = "checkpoint"  # of an order: one that it starts from is missing or damaged
    CHANGED = "changed"  # of an order: its data or its owner's code; the study is paused for it
    CANCELLED = "cancelled"


class OrderState(StrEnum):
    OPEN = "open"  # committed; the engine has it or is about to
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class RecommendationState(StrEnum):
    """Review of a stored recommendation."""

    PENDING = "pending"  # not decided yet
    APPROVED = "approved"
    REJECTED = "rejected"


class Purpose(StrEnum):
    """Purpose of a trial."""

    SEARCH = "search"  # proposed by Optuna at the proxy width
    MEASURE = "measure"  # one learning rate at one of the widths that are measured, under muP
    AXIS = "axis"  # one learning rate at another depth, batch or duration, at the proxy width
    CONFIRM = "confirm"  # what the search found beside the rate, or the defaults, with fresh seeds
    REPEAT = "repeat"  # the search's best once more, with its seed: does a trainer repeat itself?
    CONTROL = "control"  # the same point under the parametrization of `control`


FINAL_STUDY_STATES: Final = frozenset(
    {StudyState.COMPLETED, StudyState.CANCELLED, StudyState.FAILED}
)
ACTIVE_STUDY_STATES: Final = frozenset(StudyState) - FINAL_STUDY_STATES - {StudyState.PAUSED}
"""States in which a study has something to do."""
FINAL_TRIAL_STATES: Final = frozenset({TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL})

_STOPS: Final = frozenset({StudyState.PAUSED, StudyState.CANCELLED, StudyState.FAILED})

LEGAL_MOVES: Final[dict[StudyState, frozenset[StudyState]]] = {
    StudyState.QUEUED: _STOPS | {StudyState.CHECKING},
    # A study that stops after its check is completed by it.
    StudyState.CHECKING: _STOPS | {StudyState.SEARCHING, StudyState.COMPLETED},
    StudyState.SEARCHING: _STOPS | {StudyState.MEASURING},
    StudyState.MEASURING: _STOPS | {StudyState.COMPLETED},
    StudyState.PAUSED: frozenset(
        {
            StudyState.QUEUED,
            StudyState.CHECKING,
            StudyState.SEARCHING,
            StudyState.MEASURING,
            StudyState.CANCELLED,
            StudyState.FAILED,
        }
    ),
    StudyState.COMPLETED: frozenset(),
    StudyState.CANCELLED: frozenset(),
    StudyState.FAILED: frozenset(
        {StudyState.QUEUED, StudyState.CHECKING, StudyState.SEARCHING, StudyState.MEASURING}
    ),
}
