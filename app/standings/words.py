"""Words of states, verdicts and amounts, which JSON routes say and pages show."""

from typing import Final

from parametrization.recommendation.trust import Verdict
from tuner.evidence.checks.outcome import CheckOutcome
from tuner.spec.states import StudyState

UNKNOWN: Final = "not known"

_STATES: Final = {
    StudyState.QUEUED: "○ queued",
    StudyState.CHECKING: "◔ checking",
    StudyState.SEARCHING: "◑ searching",
    StudyState.MEASURING: "◕ measuring",
    StudyState.COMPLETED: "✔ completed",
    StudyState.PAUSED: "❚❚ paused",
    StudyState.CANCELLED: "■ cancelled",
    StudyState.FAILED: "✖ failed",
}
VERDICTS: Final[dict[Verdict, str]] = {
    "in_progress": "◌ in progress",
    "recommend": "✔ recommended",
    "caution": "⚠ recommended with caution",
    "abstain": "✖ not recommended",
}
OUTCOMES: Final[dict[CheckOutcome, str]] = {
    "passed": "✔ check passed",
    "failed": "✖ check failed",
    "inconclusive": "? check undecided",
}


def state_words(state: str) -> str:
    """A study's state; one of a newer release by its own name."""
    return _STATES[StudyState(state)] if state in list(StudyState) else state


def number(value: float | None) -> str:
    """Four significant digits: of what was set, computed by a rule, or a mean loss."""
    return UNKNOWN if value is None else f"{value:.4g}"
