"""Progress is arithmetic on a snapshot."""

import datetime as dt
from typing import Any

import pytest

from app.progress import planned_trials, progress_of
from tests.tuner.builders import NOW, spec, study, trial
from tuner.records.snapshot import StudySnapshot
from tuner.records.trials import TrialRecord
from tuner.spec.states import Purpose, StudyState, TrialState


def snapshot(state: StudyState, *trials: TrialRecord, **fields: Any) -> StudySnapshot:  # noqa: ANN401
    return StudySnapshot(study=study(state, **fields), trials=trials, statistics=(), open_orders=())


def finished(number: int, seconds: float = 10.0, **fields: Any) -> TrialRecord:  # noqa: ANN401
    end = NOW + dt.timedelta(seconds=seconds)
    return trial(number, started_at=NOW, finished_at=end, **fields)


def later(seconds: float) -> dt.datetime:
    return NOW + dt.timedelta(seconds=seconds)


def test_a_study_that_has_not_begun_has_no_pace() -> None:
    progress = progress_of(snapshot(StudyState.QUEUED), NOW)
    assert (progress.fraction, progress.eta_seconds, progress.best_loss) == (0, None, None)
    assert [phase.phase for phase in progress.phases] == ["check", "search", "measure"]


def test_a_grid_is_planned_at_every_width_and_seed_and_again_for_the_control() -> None:
    planned = planned_trials(spec(control="sp", at_target=True))
    assert planned[Purpose.SEARCH, 32] == 16
    for width in (32, 64, 128, 256):
        assert planned[Purpose.MEASURE, width] == planned[Purpose.CONTROL, width] == 7 * 2
    assert len(planned) == 9


def test_the_time_left_is_at_the_pace_so_far_weighted_by_parameters() -> None:
    half_searched = snapshot(StudyState.SEARCHING, *(finished(n) for n in range(8)))
    progress = progress_of(half_searched, later(10))
    parameters = {w: 2 * 256 * w + 2 * (w**2 + w) for w in (32, 64, 128)}
    done, total = 8 * parameters[32], 16 * parameters[32] + 14 * sum(parameters.values())
    assert progress.fraction == pytest.approx(done / total)
    assert progress.eta_seconds == pytest.approx(10 * (total - done) / done, rel=1e-3)


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
