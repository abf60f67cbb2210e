"""Trials of a study as decisions look them up, kept up to date one by one."""

from hypothesis import given
from hypothesis import strategies as st

from tests.tuner import builders
from tuner.records.trials import StudyTrials, TrialGroup, TrialRecord
from tuner.spec.states import Purpose, TrialState

STATES = st.sampled_from(list(TrialState))


@st.composite
def new_trials(draw: st.DrawFn) -> list[TrialRecord]:
    kinds = st.tuples(st.sampled_from(list(Purpose)), st.sampled_from([32, 64]), st.integers(0, 2))
    return [
        builders.trial(
            number, purpose=purpose, width=width, batch=batch, state=TrialState.WAITING, value=None
        )
        for number, (purpose, width, batch) in enumerate(draw(st.lists(kinds, max_size=12)))
    ]


def ended(trial: TrialRecord, state: TrialState, value: float) -> TrialRecord:
    found = value if state is TrialState.COMPLETE else None
    return trial.model_copy(update={"state": state, "value": found, "step": 200})


def told(group: TrialGroup) -> tuple[object, ...]:
    return list(group), dict(group.unfinished), group.best


@given(trials=new_trials(), changes=st.lists(st.tuples(STATES, st.sampled_from([1.0, 2.0]))))
def test_groups_kept_up_to_date_are_those_of_the_same_trials_read_anew(
    trials: list[TrialRecord], changes: list[tuple[TrialState, float]]
) -> None:
    kept = StudyTrials()
    for trial in trials:
        kept.put(trial)
    now = list(trials)
    for number, (state, value) in zip(range(len(trials)), changes, strict=False):
        now[number] = ended(now[number], state, value)
        kept.put(now[number])
    anew = StudyTrials(now)
    assert kept == anew
    assert dict(kept.unfinished) == dict(anew.unfinished)
    for purpose in Purpose:
        optimizer = builders.trial(0).optimizer
        for width, batch in [(None, None), (32, None), (64, None), (None, 0), (None, 2)]:
            mine = kept.of(purpose, optimizer, width=width, batch=batch)
            assert told(mine) == told(anew.of(purpose, optimizer, width=width, batch=batch))
            assert list(mine) == [
                trial
                for trial in now
                if trial.purpose is purpose
                and width in (None, trial.width)
                and batch in (None, trial.batch)
            ]


def test_the_best_trial_is_the_earliest_of_the_lowest_value() -> None:
    group = TrialGroup(builders.trial(n, value=value) for n, value in enumerate([2.0, 1.0, 1.0]))
    assert group.best is group[1]
    assert TrialGroup([builders.trial(0, state=TrialState.PRUNED)]).best is None


def test_a_question_is_worked_out_again_after_a_change_alone() -> None:
    asked: list[int] = []

    def count(trials: object) -> int:
        asked.append(1)
        return len(group)

    group = TrialGroup([builders.trial(0)])
    assert [group.answer(count), group.answer(count), len(asked)] == [1, 1, 1]
    group.put(builders.trial(1))
    assert [group.answer(count), len(asked)] == [2, 2]
