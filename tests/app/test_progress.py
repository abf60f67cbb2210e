"""Progress is arithmetic on a snapshot."""

import datetime as dt
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.progress import KEPT_FOR_EXTENSIONS, CheckSeconds, Progress, planned_trials
from app.progress import progress_of as progress_of_study
from parametrization.check.usual_settings import UPDATES
from tests.app.counted import progress_of
from tests.tuner.builders import NOW, spec, study, trial
from tests.tuner.stored_studies import facts
from tuner.records.snapshot import StudySnapshot
from tuner.records.trial_counts import TrialCounts, count_trials
from tuner.records.trials import StudyTrials, TrialRecord
from tuner.spec.states import Purpose, StateReason, StudyState, TrialState
from tuner.storage.check_progress import CheckProgress


def snapshot(state: StudyState, *trials: TrialRecord, **fields: Any) -> StudySnapshot:  # noqa: ANN401
    fields = {"spec": spec(measure={"plan": "grid"})} | fields
    return StudySnapshot(
        study=study(state, **fields), trials=StudyTrials(trials), statistics=(), open_orders=()
    )


def finished(number: int, seconds: float = 10.0, **fields: Any) -> TrialRecord:  # noqa: ANN401
    end = NOW + dt.timedelta(seconds=seconds)
    return trial(number, started_at=NOW, finished_at=end, **fields)


def later(seconds: float) -> dt.datetime:
    return NOW + dt.timedelta(seconds=seconds)


def test_a_study_that_has_not_begun_has_no_pace() -> None:
    progress = progress_of(snapshot(StudyState.QUEUED), NOW)
    assert (progress.fraction, progress.eta_seconds, progress.best_loss) == (0, None, None)
    assert [phase.phase for phase in progress.phases] == ["check", "search", "measure"]


def test_a_study_that_only_checks_is_as_far_as_its_check_and_says_when_it_is_done() -> None:
    """Seconds a slot by width, the widest first; left are the widths that are not done."""
    only = spec(stop_after="check", check={"widths": [64, 128, 256], "seeds": 4})

    def progress(state: StudyState, **check: Any) -> Progress:  # noqa: ANN401  parts of a record
        at = study(state, spec=only, shape=None)  # its widths cost as their squares
        seconds = {} if check["finished"] == 0 else {("adamw", 256): 16.0}
        return progress_of_study(at, TrialCounts(), CheckProgress(**check), NOW, seconds)

    begun = progress(StudyState.CHECKING, finished=0, running=3)
    assert (begun.fraction, begun.eta_seconds, len(begun.phases)) == (0, None, 1)
    alone = progress(StudyState.CHECKING, finished=1, running=1)
    assert alone.fraction == pytest.approx(1 / 3)
    assert alone.eta_seconds == 5.0
    together = progress(StudyState.CHECKING, finished=1, running=2)
    assert together.eta_seconds == 2.5
    ended = progress(StudyState.COMPLETED, finished=3, running=0)
    assert (ended.fraction, ended.eta_seconds, ended.best_loss) == (1, None, None)
    assert planned_trials(only) == {}


def test_a_grid_is_planned_at_every_width_and_seed_and_again_for_the_control() -> None:
    planned = planned_trials(spec(control="sp", at_target=True))
    assert planned[Purpose.SEARCH, 32] == 16
    for width in (32, 64, 128, 256):
        assert planned[Purpose.MEASURE, width] == planned[Purpose.CONTROL, width] == 7 * 2
    assert len(planned) == 9


PARAMETERS = {w: 2 * 256 * w + 2 * (w**2 + w) for w in (32, 64, 128, 256)}
HALF_SEARCHED = snapshot(StudyState.SEARCHING, *(finished(n) for n in range(8)))


def test_progress_is_weighted_by_parameters() -> None:
    progress = progress_of(HALF_SEARCHED, later(10))
    total = 16 * PARAMETERS[32] + 14 * sum(PARAMETERS[w] for w in (32, 64, 128))
    share = 8 * PARAMETERS[32] / total
    assert progress.fraction == pytest.approx((1 - KEPT_FOR_EXTENSIONS) * share)


def time_left(at: StudySnapshot, seconds: float, check_seconds: CheckSeconds) -> float | None:
    """Seconds left after so many of training, in one slot."""
    check = CheckProgress(finished=4, running=0, training=1)
    counts = count_trials(facts(one) for one in at.trials)
    return progress_of_study(at.study, counts, check, later(seconds), check_seconds).eta_seconds


@pytest.mark.parametrize("overhead", [0.0, 0.001, 0.02])
@pytest.mark.parametrize("a_parameter", [1e-9, 1e-7])
def test_the_time_left_is_told_from_the_check_where_one_width_has_trained(
    overhead: float, a_parameter: float
) -> None:
    """Whether an update takes the time of its launches or of its parameters: both are known."""

    def taken(width: int, updates: float) -> float:
        return updates * (overhead + a_parameter * PARAMETERS[width])

    began = 2.0  # of every check, whatever its width: the time to build its models
    checks = {("adamw", w): began + taken(w, 4 * UPDATES) for w in (32, 64, 128, 256)}
    so_far = 8 * taken(32, 200)
    at = snapshot(StudyState.SEARCHING, *(finished(n, so_far) for n in range(8)))
    left = 8 * taken(32, 200) + 14 * sum(taken(w, 200) for w in (32, 64, 128))
    assert time_left(at, so_far, checks) == pytest.approx(left, rel=1e-3, abs=0.1)


def test_the_time_left_goes_by_parameters_alone_where_nothing_was_checked() -> None:
    left = 8 * PARAMETERS[32] + 14 * sum(PARAMETERS[w] for w in (32, 64, 128))
    expected = 10 * left / (8 * PARAMETERS[32])
    assert time_left(HALF_SEARCHED, 10, {}) == pytest.approx(expected, rel=1e-3)


def test_no_check_makes_parameters_cost_more_than_trials_took() -> None:
    """A machine that was busy while it checked says nothing of updates that have been faster."""
    slow = {("adamw", 32): 1.0, ("adamw", 256): 1e6}
    assert time_left(HALF_SEARCHED, 10, slow) == time_left(HALF_SEARCHED, 10, {})


def test_orders_side_by_side_share_the_time_of_their_parameters() -> None:
    seconds = {("adamw", 32): 1.0, ("adamw", 256): 1.0 + PARAMETERS[256] * 1e-6}
    counts = count_trials(facts(one) for one in HALF_SEARCHED.trials)

    def left(training: int) -> float:
        check = CheckProgress(finished=4, running=0, training=training)
        at = progress_of_study(HALF_SEARCHED.study, counts, check, later(10), seconds)
        assert at.eta_seconds is not None
        return at.eta_seconds

    assert left(0) == left(1) > left(2) > left(8)


def test_searches_that_prune_are_expected_to_go_on_pruning() -> None:
    def left(*steps: int) -> float | None:
        trials = (finished(n, state=TrialState.PRUNED, step=at) for n, at in enumerate(steps))
        return time_left(snapshot(StudyState.SEARCHING, *trials), 10, {})

    left_of_search = 8 * 50 * PARAMETERS[32]
    left_to_measure = 200 * 14 * sum(PARAMETERS[w] for w in (32, 64, 128))
    done = 8 * 50 * PARAMETERS[32]
    expected = 10 * (left_of_search + left_to_measure) / done
    assert left(*(8 * [50])) == pytest.approx(expected, rel=1e-3)


def test_trials_that_a_phase_has_not_asked_for_are_no_time_once_it_is_over() -> None:
    """A search that ended early is not gone on with."""
    searched = [finished(n) for n in range(8)]
    begun = finished(8, purpose=Purpose.MEASURE, width=32)
    at = snapshot(StudyState.MEASURING, *searched, begun)
    left = 14 * sum(PARAMETERS[w] for w in (32, 64, 128)) - PARAMETERS[32]
    assert time_left(at, 10, {}) == pytest.approx(10 * left / (9 * PARAMETERS[32]), rel=1e-3)


def test_a_trial_under_way_counts_by_its_steps() -> None:
    half = trial(0, state=TrialState.RUNNING, step=100, value=None, finished_at=None)
    whole = finished(0)
    share = [
        progress_of(snapshot(StudyState.SEARCHING, at), later(10)).fraction for at in (half, whole)
    ]
    assert share[0] == pytest.approx(share[1] / 2)


def test_trials_side_by_side_are_not_timed_twice() -> None:
    together = snapshot(StudyState.SEARCHING, finished(0), finished(1))
    in_turn = snapshot(
        StudyState.SEARCHING,
        finished(0),
        trial(1, started_at=later(10), finished_at=later(20)),
    )
    fast, slow = (progress_of(at, later(20)).eta_seconds for at in (together, in_turn))
    assert fast is not None
    assert slow == pytest.approx(2 * fast, rel=1e-2)


def test_a_grid_that_was_extended_is_planned_as_large_as_it_is() -> None:
    trials = [finished(n, purpose=Purpose.MEASURE, width=64) for n in range(50)]
    progress = progress_of(snapshot(StudyState.MEASURING, *trials), later(10))
    measure = next(phase for phase in progress.phases if phase.phase == "measure")
    assert measure.planned == measure.complete == 50


@pytest.mark.parametrize(
    "state", [StudyState.COMPLETED, StudyState.CANCELLED, StudyState.FAILED, StudyState.PAUSED]
)
def test_a_study_that_does_not_move_promises_no_time(state: StudyState) -> None:
    progress = progress_of(snapshot(state, finished(0)), later(10))
    assert progress.eta_seconds is None
    assert 0 < progress.fraction <= 1
    assert progress.best_loss == pytest.approx(2.6)


WIDTHS = (32, 64, 128)


class Grid:
    """The trials of a measurement as they are asked for, train, end and are extended."""

    def __init__(self, plan: str = "grid") -> None:
        self._spec = spec(measure={"plan": plan})
        self.trials: list[TrialRecord] = [finished(n) for n in range(16)]
        for width in WIDTHS:
            self.ask_for(width, 14)

    def ask_for(self, width: int, count: int) -> None:
        begun = {"purpose": Purpose.MEASURE, "state": TrialState.RUNNING, "value": None, "step": 0}
        self.trials += [
            trial(len(self.trials) + i, width=width, **begun, finished_at=None)
            for i in range(count)
        ]

    def train(self, number: int, steps: int, ending: TrialState) -> None:
        at = self.trials[number]
        if at.is_final:
            return
        step = at.step + steps
        ended = {"state": ending, "step": step} if step >= 200 else {"step": step}
        self.trials[number] = at.model_copy(update=ended)

    def extend(self, width: int) -> None:
        mine = [t for t in self.trials if (t.purpose, t.width) == (Purpose.MEASURE, width)]
        if all(t.is_final for t in mine) and len(mine) < 14 + 2 * 4:
            self.ask_for(width, 4)

    def progress(self, state: StudyState = StudyState.MEASURING) -> Progress:
        return progress_of(snapshot(state, *self.trials, spec=self._spec), later(10))

    def cancelled(self) -> Progress:
        left = {"state": TrialState.FAIL, "state_reason": StateReason.CANCELLED}
        trials = [t if t.is_final else t.model_copy(update=left) for t in self.trials]
        return progress_of(snapshot(StudyState.CANCELLED, *trials, spec=self._spec), later(10))


@given(
    moves=st.lists(
        st.tuples(
            st.integers(16, 16 + 3 * 22),
            st.sampled_from([50, 200]),
            st.sampled_from([TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL]),
            st.sampled_from(WIDTHS),
        ),
        max_size=150,
    ),
    all_at_once=st.booleans(),
    plan=st.sampled_from(["grid", "adaptive"]),
)
def test_progress_never_falls_when_trials_end_or_a_grid_grows(
    moves: list[tuple[int, int, TrialState, int]], all_at_once: bool, plan: str
) -> None:
    grid = Grid(plan)
    shares = [_shares(grid.progress())]
    for number, steps, ending, width in moves:
        numbers = range(len(grid.trials)) if all_at_once else [number % len(grid.trials)]
        for at in numbers:
            grid.train(at, steps, ending)
        shares.append(_shares(grid.progress()))
        grid.extend(width)
        shares.append(_shares(grid.progress()))
    for before, after in pairwise(shares):
        assert all(new >= old - 1e-12 for old, new in zip(before, after, strict=True))
    assert _shares(grid.cancelled()) == pytest.approx(shares[-1])
    assert set(_shares(grid.progress(StudyState.COMPLETED))) == {0.0, 1.0}  # no check in this one


def _shares(progress: Progress) -> tuple[float, ...]:
    return (progress.fraction, *(phase.fraction for phase in progress.phases))


def test_a_grid_that_grows_adds_to_the_time_left_and_to_what_is_planned() -> None:
    grid = Grid()
    for number in range(len(grid.trials)):
        grid.train(number, 200, TrialState.COMPLETE)
    before = grid.progress()
    grid.extend(128)
    after = grid.progress()
    assert before.fraction == after.fraction == pytest.approx(1 - KEPT_FOR_EXTENSIONS)
    assert [phase.planned for phase in before.phases[2:]] == [42]
    assert [phase.planned for phase in after.phases[2:]] == [46]


def test_trials_of_a_cancelled_study_are_not_done() -> None:
    left: dict[str, Any] = {"state": TrialState.FAIL, "state_reason": StateReason.CANCELLED}
    whole, half = finished(0), finished(1, step=100, value=None, **left)
    broken = finished(2, state=TrialState.FAIL, state_reason=StateReason.ERROR, value=None)
    progress = progress_of(snapshot(StudyState.CANCELLED, whole, half, broken), later(10))
    search = next(phase for phase in progress.phases if phase.phase == "search")
    assert (search.complete, search.fail, search.cancelled) == (1, 1, 1)
    assert search.fraction == pytest.approx(2.5 / 16)
    assert progress.fraction < 0.05
