"""List the actions on a study's page that its reader may take, with the question asked first."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from app.auth.access import Access
from tuner.records.snapshot import StudyRecord
from tuner.spec.access import Scope
from tuner.spec.states import ACTIVE_STUDY_STATES, StudyState


class Action(NamedTuple):
    """A button that sends `POST /v1/studies/{id}:{name}`."""

    name: str
    words: str
    question: str
    """Question asked first; empty where the action can be undone at once."""


_PAUSE: Final = Action("pause", "❚❚ Pause", "")
_RESUME: Final = Action("resume", "▶ Resume", "")
_STOP: Final = Action(
    "cancel",
    "■ Stop",
    "Stop this study for good? Its trials end where they are and it cannot go on later; what it has"
    " learned stays readable. Pausing keeps its place.",
)
_RETRY: Final = Action(
    "retry",
    "↻ Try again",
    "Go on where the study failed? Its failed trials begin again and take the workers' time; what"
    " has finished stays.",
)

_ACTIONS: Final[Mapping[StudyState, tuple[Action, ...]]] = {
    **dict.fromkeys(ACTIVE_STUDY_STATES, (_PAUSE, _STOP)),
    StudyState.PAUSED: (_RESUME, _STOP),
    StudyState.FAILED: (_RETRY,),
}


def actions_on(study: StudyRecord, sender: Access) -> tuple[Action, ...]:
    """Actions that the sender may take on a study in its present state."""
    return _ACTIONS.get(study.state, ()) if may_change(sender, study.owner) else ()


def may_change(sender: Access, owner: str) -> bool:
    """True if the sender's key permits changing what belongs to this owner."""
    return Scope.SUBMIT in sender.scopes and sender.owner in (None, owner)
