"""The buttons of a study's page are moves that its state allows, and its reader may make."""

import pytest

from app.auth.access import KEYLESS, Access
from app.dashboard.actions import _ACTIONS, may_change
from tuner.spec.access import Scope, permitted
from tuner.spec.states import LEGAL_MOVES, StudyState
from tuner.storage.sql.viewers import Viewer


@pytest.mark.parametrize("state", list(StudyState))
def test_what_a_state_offers_is_what_it_allows(state: StudyState) -> None:
    offered = {action.name for action in _ACTIONS.get(state, ())}
    moves = LEGAL_MOVES[state]
    assert ("cancel" in offered) == (StudyState.CANCELLED in moves)
    assert ("pause" in offered) == (StudyState.PAUSED in moves)
    goes_on = StudyState.MEASURING in moves and state is not StudyState.SEARCHING
    assert bool({"resume", "retry"} & offered) == goes_on


@pytest.mark.parametrize(
    ("owner", "scope", "may"),
    [
        ("ana", Scope.SUBMIT, True),
        ("ana", Scope.ADMIN, True),
        ("ana", Scope.READ, False),
        ("ana", Scope.WORKER, False),
        ("ben", Scope.SUBMIT, False),
        (None, Scope.SUBMIT, False),
    ],
)
def test_an_owners_key_that_may_submit_changes_a_study(
    owner: str | None, scope: Scope, may: bool
) -> None:
    assert may_change(Access(permitted([scope]), Viewer(owner)), "ana") is may


def test_everybody_may_change_everything_where_there_are_no_keys() -> None:
    assert may_change(KEYLESS, "anybody")
